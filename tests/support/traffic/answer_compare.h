// SPDX-License-Identifier: Apache-2.0
// The judgement of a client whose server's responses get headers: what arrived is what was sent, plus whole header
// lines right before the blank line of a final response's head. Nothing else is allowed, ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/traffic/messages.h"

namespace weft::test {

struct AnswerTally {
  std::uint64_t bytes = 0;      // received
  std::uint64_t responses = 0;  // compared to their end
  std::uint64_t eligible = 0;   // … without an interim response before them
  std::uint64_t named = 0;      // … with both headers added, which agree
};

class AnswerComparer {
 public:
  // REQUIRES: sent outlives this. Each request carried the context of expected_trace(its number).
  explicit AnswerComparer(const Stream& sent) : sent_(sent) {}
  static std::string expected_trace(std::size_t request);

  // False at the first fault; nothing more is compared then.
  bool feed(std::string_view received);
  std::size_t responses_done() const { return index_; }
  bool finished() const { return index_ == sent_.messages.size() && pending_.size() == offset_; }
  const AnswerTally& tally() const { return tally_; }
  const std::string& fault() const { return fault_; }

 private:
  bool step();
  bool step_line();
  bool added_line(std::string_view line);
  bool fail(const std::string& what);

  const Stream& sent_;
  std::string pending_;
  std::size_t offset_ = 0, index_ = 0, at_ = 0;
  int lines_ = 0;
  AnswerTally tally_;
  std::string fault_;
};

}  // namespace weft::test
