// SPDX-License-Identifier: Apache-2.0
// tracestate as a span shows it (W3C Trace Context section 3.3): several headers joined in order, whole members only.
#pragma once

#include <string>
#include <string_view>

namespace weft {

// `lines`: header values joined with ','. Empty when the list is invalid (bad or double key, bad value, over 32
// members). Limited to 512 characters: members over 128 go first, then from the right.
std::string clean_trace_state(std::string_view lines);

}  // namespace weft
