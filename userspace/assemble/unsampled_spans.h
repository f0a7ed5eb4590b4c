// SPDX-License-Identifier: Apache-2.0
// One span for all unsampled requests that look alike, so that a busy service costs one look-up for each of them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "assemble/assembler.h"
#include "base/text_hash.h"
#include "decode/events.h"

namespace weft {

class UnsampledSpans {
 public:
  static constexpr std::size_t kMost = 4096;  // then it starts afresh

  explicit UnsampledSpans(Assembler& assembler) : assembler_(assembler) {}

  SpanPtr like(const UnsampledEvent& event);
  void clear() { known_.clear(); }

 private:
  Assembler& assembler_;
  std::string key_;  // of the event at hand
  std::unordered_map<std::string, SpanPtr, TextHash, std::equal_to<>> known_;
};

}  // namespace weft
