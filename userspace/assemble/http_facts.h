// SPDX-License-Identifier: Apache-2.0
// What a span needs of a masked exchange beside its own lines (own_lines.h), of which only gRPC's time-out and captured
// headers are here. Views into the exchange's texts.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assemble/own_lines.h"
#include "correlate/exchange.h"
#include "decode/http_head.h"
#include "decode/mask.h"
#include "decode/url.h"

namespace weft {

struct HttpFacts {
  std::string_view method;  // as sent
  bool known_method = false;
  Target target;
  std::string_view authority;  // of the target, else the Host header (RFC 9112 section 3.2.2)
  HostPort host;               // … split
  std::string_view user_agent;
  std::string_view content_type;  // of the request
  std::string_view grpc_timeout;
  std::string_view grpc_status, grpc_message;  // of the response, when the protocol is HTTP/2 …
  std::string_view response_type;              // … and its content-type
  std::vector<std::pair<const std::string*, std::string_view>> captured_request;  // name in the rules, value
  std::vector<std::pair<const std::string*, std::string_view>> captured_response;

  // Refills the object, so that its memory is used again. `exchange` and `rules` must outlive the views.
  void read(const Exchange& exchange, const OwnLines& own, const MaskRules& rules);
};

}  // namespace weft
