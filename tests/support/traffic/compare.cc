// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/compare.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>

namespace weft::test {
namespace {

constexpr std::size_t kTraceparentLength = 55;
constexpr std::size_t kParentAt = 36, kParentLength = 16;

bool lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool all_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

bool named(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == ':' &&
         strncasecmp(line.data(), name.data(), name.size()) == 0;
}

// A list of members `key=value`, printable, with nothing that could end the line.
bool valid_list(std::string_view value) {
  if (value.empty() || value.size() > 8192) return false;
  if (!std::ranges::all_of(value, [](unsigned char c) { return c >= 0x20 && c < 0x7f; })) return false;
  const std::size_t equals = value.find('=');
  return equals != std::string_view::npos && equals > 0;
}

}  // namespace

bool valid_traceparent(std::string_view v) {
  return v.size() == kTraceparentLength && v.starts_with("00-") && v[35] == '-' && v[52] == '-' &&
         lower_hex(v.substr(3, 32)) && lower_hex(v.substr(kParentAt, kParentLength)) && lower_hex(v.substr(53)) &&
         !all_zero(v.substr(3, 32)) && !all_zero(v.substr(kParentAt, kParentLength));
}

void Tally::add(const Tally& o) {
  bytes += o.bytes, requests += o.requests, eligible += o.eligible, injected += o.injected, known += o.known;
  overwritten += o.overwritten, tracestate_added += o.tracestate_added, baggage_added += o.baggage_added;
  own_touched += o.own_touched, duplicates += o.duplicates, malformed += o.malformed, wrong_trace += o.wrong_trace;
  differing += o.differing;
}

StreamComparer::StreamComparer(const Stream& sent, std::string known) : sent_(sent), known_(std::move(known)) {}

bool StreamComparer::feed(std::string_view received) {
  if (!fault_.empty()) return false;
  tally_.bytes += received.size();
  pending_.append(received);
  while (step()) {
  }
  if (offset_ > (1u << 20) || offset_ == pending_.size()) {
    pending_.erase(0, offset_);
    scanned_ -= std::min(scanned_, offset_);
    offset_ = 0;
  }
  return fault_.empty();
}

bool StreamComparer::finish() {
  if (!fault_.empty()) return false;
  if (index_ < sent_.messages.size() || offset_ < pending_.size()) return differ("stream ended early or late");
  return true;
}

bool StreamComparer::step() {
  if (!fault_.empty()) return false;
  if (index_ == sent_.messages.size())
    return offset_ < pending_.size() ? differ("bytes behind the last request") : false;
  return at_ < sent_.messages[index_].head_end ? step_head() : step_body();
}

bool StreamComparer::step_head() {
  const std::size_t end = pending_.find("\r\n", std::max(scanned_, offset_));
  if (end == std::string::npos) {
    scanned_ = pending_.empty() ? 0 : pending_.size() - 1;  // the CR may be there already
    return false;
  }
  const std::string_view line = std::string_view(pending_).substr(offset_, end + 2 - offset_);
  const std::size_t expected_end = sent_.bytes.find("\r\n", at_) + 2;
  const std::string_view expected = std::string_view(sent_.bytes).substr(at_, expected_end - at_);
  if (line == expected) {
    at_ = expected_end;
  } else if (expected == "\r\n") {
    if (!added_line(line.substr(0, line.size() - 2))) return differ("line before the blank line");
  } else if (replaced_line(expected, line)) {
    at_ = expected_end;
  } else {
    return differ("header line");
  }
  offset_ = scanned_ = end + 2;
  if (at_ == sent_.messages[index_].head_end) judge_request();
  return true;
}

bool StreamComparer::step_body() {
  const Message& message = sent_.messages[index_];
  if (at_ < message.head_end) return false;
  const std::size_t n = std::min(message.end - at_, pending_.size() - offset_);
  if (std::string_view(sent_.bytes).substr(at_, n) != std::string_view(pending_).substr(offset_, n))
    return differ("body");
  at_ += n;
  offset_ += n;
  if (at_ < message.end) return false;
  index_++;
  tally_.requests++;
  return true;
}

bool StreamComparer::added_line(std::string_view line) {
  const bool context = line.starts_with("traceparent: "), state = line.starts_with("tracestate: "),
             baggage = line.starts_with("baggage: ");
  if (!context && !state && !baggage) return false;
  const std::string_view value = line.substr(line.find(':') + 2);
  if (context ? !valid_traceparent(value) : !valid_list(value)) tally_.malformed++;
  if (context && !known_.empty() && value.substr(3, 32) != std::string_view(known_).substr(3, 32)) tally_.wrong_trace++;
  added_context_ += context;
  added_state_ += state;
  added_baggage_ += baggage;
  return true;
}

bool StreamComparer::replaced_line(std::string_view expected, std::string_view line) {
  if (known_.empty() || !named(expected, "traceparent") || line.size() != expected.size()) return false;
  const std::size_t value = expected.find(known_);
  if (value == std::string_view::npos) return false;
  const std::size_t parent = value + kParentAt, after = parent + kParentLength;
  if (line.substr(0, parent) != expected.substr(0, parent) || line.substr(after) != expected.substr(after))
    return false;
  if (!valid_traceparent(line.substr(value, kTraceparentLength))) return false;
  overwritten_ = true;
  return true;
}

void StreamComparer::judge_request() {
  const std::uint64_t faults_before = tally_.faults();
  const Message& message = sent_.messages[index_];
  tally_.eligible += message.contexts == 0;
  tally_.injected += added_context_ > 0;
  tally_.known += message.known;
  tally_.overwritten += overwritten_;
  tally_.tracestate_added += added_state_ > 0;
  tally_.baggage_added += added_baggage_ > 0;
  const bool added = added_context_ + added_state_ + added_baggage_ > 0;
  // A context of its own, that nobody sent to this process: the whole message stays as it is. Two contexts are invalid,
  // whatever they say; a value among them that was received may be replaced, nothing more.
  const bool own = message.contexts > 0 && !message.known;
  if (own && (added || (overwritten_ && !message.any_known))) tally_.own_touched++;
  if (message.contexts + added_context_ > 1 && added_context_ > 0) tally_.duplicates++;
  if (message.has_tracestate + added_state_ > 1 || message.has_baggage + added_baggage_ > 1) tally_.duplicates++;
  if (tally_.faults() > faults_before) remark(message);
  added_context_ = added_state_ = added_baggage_ = 0;
  overwritten_ = false;
}

void StreamComparer::remark(const Message& message) {
  if (!remark_.empty()) return;
  const std::string_view head = std::string_view(sent_.bytes).substr(message.begin, message.head_end - message.begin);
  remark_ = fmt::format("request {}: added {} traceparent, {} tracestate, {} baggage, overwritten {}; sent {:?}",
                        index_, added_context_, added_state_, added_baggage_, overwritten_, head.substr(0, 1500));
}

bool StreamComparer::differ(const std::string& what) {
  tally_.differing++;
  const std::string_view got = std::string_view(pending_).substr(offset_, 80);
  const std::string_view want = std::string_view(sent_.bytes).substr(std::min(at_, sent_.bytes.size()), 80);
  fault_ = fmt::format("{}: request {} of {}, sent offset {} of {}: expected {:?}, received {:?}", what, index_,
                       sent_.messages.size(), at_, sent_.bytes.size(), want, got);
  return false;
}

}  // namespace weft::test
