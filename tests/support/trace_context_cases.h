// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/guarded_buffer.h"
#include "wire/head_text.h"

namespace weft::test {

using Random = std::mt19937_64;

// Header values as a peer might send them: mostly right, often just wrong, sometimes at a limit.
std::string random_traceparent(Random& random);
std::vector<std::string> random_tracestate(Random& random);
// What tracestate_join is to do with the member "ot": nothing, drop it, or leave room for one of so many bytes.
std::optional<size_t> random_ot(Random& random);
std::vector<std::string> random_baggage(Random& random);

// Header lines laid out in a head_text whose last readable byte, slack included, is the last byte before a guard page.
// Gaps and slack hold random bytes, which must not change any result.
class GuardedText {
 public:
  explicit GuardedText(Random& random) : random_(random), memory_(sizeof(head_text)) {}

  void place(const std::vector<std::string>& lines);
  void place_whole(const std::string& text);  // from offset 0 on
  const head_text* text() const { return text_; }
  const text_lines& lines() const { return lines_; }
  text_range first() const { return lines_.line[0]; }
  // The bytes for another build of the parser: the same text at the same offsets, the slack too.
  std::string bytes() const;

 private:
  Random& random_;
  GuardedBuffer memory_;
  head_text* text_ = nullptr;
  text_lines lines_{};
};

}  // namespace weft::test
