// SPDX-License-Identifier: Apache-2.0
#include "support/http1_driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace weft::test {
namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "http1: %s\n", what);
  abort();
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t") + 1);
  return text;
}

}  // namespace

__u32 scan_here(http1& state, head_text* text, __u32 from, __u32 to) { return http1_scan(&state, text, from, to); }

Http1Run Http1Driver::run(const std::vector<std::string_view>& pieces, bool responses, int request_method) {
  state_ = {};
  state_.is_response = responses;
  request_method_ = request_method;
  run_ = {};
  bad_ = false;
  window_.clear();
  for (const std::string_view piece : pieces) feed(piece);
  run_.outcome = bad_                          ? Http1Outcome::kBad
                 : state_.state == HTTP1_START ? Http1Outcome::kBetween
                                               : Http1Outcome::kInside;
  return run_;
}

void Http1Driver::feed(std::string_view piece) {
  while (!piece.empty() && !bad_) {
    if (http1_in_data(&state_)) {
      http1_event after;
      const __u64 body = http1_skip_data(&state_, piece.size(), &after);
      require(body > 0 && body <= piece.size(), "body bytes consumed");
      run_.messages.back().body_bytes += body;
      piece.remove_prefix(body);
      event(after);
      continue;
    }
    const __u32 from = http1_text_position(&state_);
    const std::string_view bytes = piece.substr(0, HTTP1_WINDOW);
    require(from <= window_.size() || from == 0, "text position");
    window_.resize(from);
    const __u32 result = scan_(state_, place(bytes), from, from + static_cast<__u32>(bytes.size()));
    const __u32 stop = result >> 3;
    if ((result & 7) != HTTP1_BAD) {
      require(stop > from && stop <= from + bytes.size(), "scanned bytes consumed");
      require((result & 7) != HTTP1_MORE || stop == from + bytes.size(), "the window is used up");
      piece.remove_prefix(stop - from);
    }
    event(result & 7);
  }
}

// Puts `bytes` behind the window and the whole before the guard page.
head_text* Http1Driver::place(std::string_view bytes) {
  window_ += bytes;
  uint8_t* to = memory_.end() - HEAD_TEXT_SLACK - window_.size();
  memcpy(to, window_.data(), window_.size());
  memset(memory_.end() - HEAD_TEXT_SLACK, "\ra:\n"[placed_++ % 4], HEAD_TEXT_SLACK);  // must not matter
  text_ = reinterpret_cast<head_text*>(to);
  return text_;
}

std::string Http1Driver::value(text_range range) const {
  require(range.start <= range.end && range.end <= window_.size(), "range in the text");
  return window_.substr(range.start, range.end - range.start);
}

void Http1Driver::event(__u32 event) {
  if (event == HTTP1_HEAD) {
    Http1Message m;
    m.method = state_.method;
    m.status = state_.status;
    m.flags =
        state_.flags & (HTTP1_HAS_LENGTH | HTTP1_HAS_CODING | HTTP1_HAS_UPGRADE | HTTP1_IS_10 | HTTP1_HAS_CARRIERS);
    m.head_bytes = state_.head_bytes;
    require(state_.blank_at + 2 == state_.head_bytes, "place of the blank line");
    m.target = value(state_.target);
    m.traceparent_lines = static_cast<int>(state_.traceparent_lines);
    m.traceparent = trimmed(value(state_.traceparent));
    for (int i = 0; i < state_.tracestate.count; i++) m.tracestate.push_back(trimmed(value(state_.tracestate.line[i])));
    for (int i = 0; i < state_.baggage.count; i++) m.baggage.push_back(trimmed(value(state_.baggage.line[i])));
    m.lost_lines = state_.tracestate.more + state_.baggage.more;
    run_.messages.push_back(m);
    event = state_.is_response ? http1_response_follows(&state_, static_cast<__u32>(request_method_))
                               : http1_request_follows(&state_);
  }
  if (event == HTTP1_END) run_.messages.back().complete = true;
  if (event == HTTP1_BAD) bad_ = true;
}

void each_split(std::string_view text, const std::function<void(const std::vector<std::string_view>&)>& f) {
  f({text});
  for (size_t at = 1; at < text.size(); at++) f({text.substr(0, at), text.substr(at)});
  std::vector<std::string_view> bytes;
  for (size_t at = 0; at < text.size(); at++) bytes.push_back(text.substr(at, 1));
  f(bytes);
}

}  // namespace weft::test
