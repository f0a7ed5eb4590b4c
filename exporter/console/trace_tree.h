// SPDX-License-Identifier: Apache-2.0
// Spans of one trace in the order in which a reader wants them: parents before children, by time.
#pragma once

#include <string>
#include <vector>

#include "span/span.h"

namespace weft {

struct TreeRow {
  const Span* span = nullptr;
  const Span* parent = nullptr;  // nullptr: a root, or the parent is not here
  std::string branch;            // "│ └ "
  std::string stem;              // what lines below this span's own line begin with: "│   "
};

// Every span stands exactly once, also when parents are missing, ids are doubled or parents form a circle.
std::vector<TreeRow> trace_tree(const std::vector<SpanPtr>& spans);

}  // namespace weft
