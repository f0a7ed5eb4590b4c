// SPDX-License-Identifier: Apache-2.0
// The context that a request came with, read once more from its masked head: for a span that does not continue it.
#pragma once

#include <optional>
#include <string_view>

#include "span/span.h"

namespace weft {

// The ids in `head`, by the first format that parses, in the default order of propagation.extract. Nothing when there
// are none, or no parent among them.
std::optional<SpanLink> carried_context(std::string_view head);

// A value of X-Trace-ID that is no trace id but stands for one (docs/formats/propagation.md).
bool is_opaque_trace_id(std::string_view value);

}  // namespace weft
