// SPDX-License-Identifier: Apache-2.0
// A span as JSON: the one shape that the console, the control API and the command line speak.
// {"trace_id","span_id","parent_span_id","trace_state","flags","name","kind","start_unix_nano","end_unix_nano",
//  "status":{"code","message"},"attributes":{},"resource":{},"links":[{"trace_id","span_id"}],"baggage":{}}
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "span/span.h"

namespace weft {

// One line without a newline. Bytes that are not UTF-8 become U+FFFD. Whether the parent is remote is not in the shape.
std::string span_json(const Span& span);

// Unknown members are ignored (a newer agent may say more); missing ids, names or times are an error.
Result<Span> parse_span_json(std::string_view text);

}  // namespace weft
