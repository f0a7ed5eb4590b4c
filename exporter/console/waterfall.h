// SPDX-License-Identifier: Apache-2.0
// Spans of a trace as text for a terminal. Pure: the same spans always give the same text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "span/span.h"

namespace weft {

struct WaterfallOptions {
  unsigned width = 100;  // columns; lines never get longer, except below a floor of 60
  bool color = false;    // ANSI colours
  // Until when spans that are not over (whose end_unix_ns is 0) have lasted, unless another one ends later.
  std::uint64_t now_unix_ns = 0;
};

// One block per trace, in order of first start. Ends with a newline; "" for no spans. Control characters in names and
// values are replaced, so that what a traced program sent cannot steer the terminal.
std::string render_waterfall(std::vector<SpanPtr> spans, WaterfallOptions options = {});

// 1234567 -> "1.23ms"; four significant places at most.
std::string human_duration(std::uint64_t duration_ns);

}  // namespace weft
