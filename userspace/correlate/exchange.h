// SPDX-License-Identifier: Apache-2.0
// One request and its response, as far as both are known. Texts are masked already (decode/mask.h).
#pragma once

#include <cstdint>
#include <string>

#include "wire/events.h"

namespace weft {

struct Exchange {
  request_event
      request{};  // client: its threshold and what is known of it is that of the server exchange it belongs to
  response_event response{};  // the end; made up by the table for what timed out, was evicted or whose process ended
  std::string request_head;   // without the lines in …
  std::string request_own;    // … context, baggage, time-out, length: what requests that look alike do not share
  std::string response_head;
  // Client: tracestate and baggage header lines of the server exchange it belongs to. What the kernel wrote into an
  // outgoing request is not in its head text (that is the application's own); it came from there.
  std::string parent_context;

  bool is_server() const { return request.role == ROLE_SERVER; }
  bool is_over() const { return response.header.time_ns != 0; }
};

}  // namespace weft
