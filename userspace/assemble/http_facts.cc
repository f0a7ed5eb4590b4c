// SPDX-License-Identifier: Apache-2.0
#include "assemble/http_facts.h"

#include <algorithm>
#include <iterator>

#include "decode/text.h"

namespace weft {
namespace {

using Captured = std::vector<std::pair<const std::string*, std::string_view>>;

// The conventions' list of known methods (RFC 9110, RFC 5789); case matters.
bool is_known_method(std::string_view method) {
  static constexpr std::string_view known[] = {"GET",     "POST",    "PUT",   "DELETE", "HEAD",
                                               "OPTIONS", "CONNECT", "PATCH", "TRACE"};
  return std::find(std::begin(known), std::end(known), method) != std::end(known);
}

void capture(const HeaderLine& line, const MaskRules& rules, Captured& captured) {
  for (const std::string& name : rules.captured_headers())
    if (equals_lower(line.name, name)) captured.emplace_back(&name, line.value);
}

void read_header(const HeaderLine& line, HttpFacts& facts) {
  switch (line.name.size()) {
    case 4:
      if (facts.authority.empty() && equals_lower(line.name, "host")) facts.authority = line.value;
      break;
    case 10:
      if (equals_lower(line.name, "user-agent")) facts.user_agent = line.value;
      break;
    case 12:
      if (equals_lower(line.name, "content-type")) facts.content_type = line.value;
      break;
    default:
      break;
  }
}

void read_grpc(const HeaderLine& line, HttpFacts& facts) {
  if (equals_lower(line.name, "grpc-status")) facts.grpc_status = line.value;
  if (equals_lower(line.name, "grpc-message")) facts.grpc_message = line.value;
  if (equals_lower(line.name, "content-type")) facts.response_type = line.value;
}

}  // namespace

void HttpFacts::read(const Exchange& exchange, const OwnLines& own, const MaskRules& rules) {
  const RequestHead head = parse_request_head(exchange.request_head);
  method = head.method;
  known_method = is_known_method(method);
  target = split_target(method, head.target);
  authority = target.authority;
  user_agent = content_type = grpc_status = grpc_message = response_type = {};
  grpc_timeout = own.grpc_timeout;
  captured_request.clear();
  captured_response.clear();
  const bool captures = !rules.captured_headers().empty();
  HeaderLines lines = head.headers;
  for (HeaderLine line; lines.next(line);) {
    read_header(line, *this);
    if (captures) capture(line, rules, captured_request);
  }
  if (captures) {
    lines = HeaderLines(exchange.request_own);
    for (HeaderLine line; lines.next(line);) capture(line, rules, captured_request);
  }
  host = split_host_port(authority);
  const bool http2 = exchange.request.protocol == PROTOCOL_HTTP2;
  if ((!captures && !http2) || exchange.response_head.empty()) return;
  lines = parse_response_head(exchange.response_head).headers;
  for (HeaderLine line; lines.next(line);) {
    if (http2) read_grpc(line, *this);
    if (captures) capture(line, rules, captured_response);
  }
}

}  // namespace weft
