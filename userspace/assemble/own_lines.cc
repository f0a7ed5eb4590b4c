// SPDX-License-Identifier: Apache-2.0
#include "assemble/own_lines.h"

#include "decode/http_head.h"
#include "decode/text.h"

namespace weft {

void OwnLines::read(std::string_view lines) {
  traceparent = x_trace_id = grpc_timeout = {};
  trace_state.clear();
  baggage.clear();
  other_context = false;
  HeaderLines rest(lines);
  for (HeaderLine line; rest.next(line);) {
    const auto is = [&](std::string_view lower) { return equals_lower(line.name, lower); };
    if (is("traceparent"))
      traceparent = line.value;
    else if (is("tracestate"))
      trace_state.push_back(line.value);
    else if (is("baggage"))
      baggage.push_back(line.value);
    else if (is("grpc-timeout"))
      grpc_timeout = line.value;
    else if (is("x-trace-id"))
      x_trace_id = line.value, other_context = true;
    else
      other_context |= is("b3") || is("x-b3-traceid") || is("uber-trace-id");
  }
}

}  // namespace weft
