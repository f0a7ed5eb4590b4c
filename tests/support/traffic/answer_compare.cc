// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/answer_compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "support/traffic/compare.h"

namespace weft::test {

std::string AnswerComparer::expected_trace(std::size_t request) { return fmt::format("{:032x}", request + 1); }

bool AnswerComparer::feed(std::string_view received) {
  if (!fault_.empty()) return false;
  tally_.bytes += received.size();
  pending_.append(received);
  while (step()) {
  }
  pending_.erase(0, offset_);
  offset_ = 0;
  return fault_.empty();
}

bool AnswerComparer::fail(const std::string& what) {
  const std::string_view got = std::string_view(pending_).substr(offset_, 80);
  const std::string_view want = std::string_view(sent_.bytes).substr(std::min(at_, sent_.bytes.size()), 80);
  fault_ = fmt::format("{} of response {}, offset {}: got {:?}, not {:?}", what, index_, at_, got, want);
  return false;
}

bool AnswerComparer::step() {
  if (!fault_.empty() || offset_ == pending_.size()) return false;
  if (index_ == sent_.messages.size()) return fail("bytes behind the last one");
  const Message& message = sent_.messages[index_];
  if (at_ < message.head_end) return step_line();
  const std::size_t n = std::min(message.end - at_, pending_.size() - offset_);
  if (std::string_view(sent_.bytes).substr(at_, n) != std::string_view(pending_).substr(offset_, n))
    return fail("body");
  at_ += n;
  offset_ += n;
  if (at_ < message.end) return false;
  index_++;
  tally_.responses++;
  return true;
}

bool AnswerComparer::step_line() {
  const std::size_t end = pending_.find("\r\n", offset_);
  if (end == std::string::npos) return false;
  const std::string_view line = std::string_view(pending_).substr(offset_, end + 2 - offset_);
  const std::size_t expected_end = sent_.bytes.find("\r\n", at_) + 2;
  const Message& message = sent_.messages[index_];
  if (line != std::string_view(sent_.bytes).substr(at_, expected_end - at_)) {
    if (at_ + 2 != message.head_end || !added_line(line.substr(0, line.size() - 2))) return fail("head");
  } else {
    at_ = expected_end;
  }
  offset_ = end + 2;
  if (at_ == message.head_end) {
    if (lines_ == 1 || lines_ > 2) return fail("number of added lines");
    tally_.eligible += !std::string_view(sent_.bytes).substr(message.begin).starts_with("HTTP/1.1 1");
    tally_.named += lines_ == 2;
    lines_ = 0;
    if (message.end == at_) {
      index_++;
      tally_.responses++;
    }
  }
  return true;
}

// Both in this order, each once, and of the trace that the request came with.
bool AnswerComparer::added_line(std::string_view line) {
  constexpr std::string_view first = "X-Trace-ID: ", second = "traceresponse: ";
  std::string_view trace;
  if (lines_ == 0 && line.starts_with(first)) {
    trace = line.substr(first.size());
  } else if (lines_ == 1 && line.starts_with(second) && valid_traceparent(line.substr(second.size()))) {
    trace = line.substr(second.size() + 3, 32);
  }
  lines_++;
  return trace == expected_trace(index_);
}

}  // namespace weft::test
