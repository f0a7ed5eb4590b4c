// SPDX-License-Identifier: Apache-2.0
#include "assemble/attributes.h"

#include <algorithm>

#include "base/utf8.h"
#include "kernel/names.h"

namespace weft {
namespace {

using Captured = std::vector<std::pair<const std::string*, std::string_view>>;

// Several lines of one name become one value (RFC 9110 section 5.3).
void add_captured(std::string_view prefix, const Captured& captured, Attributes& attributes) {
  for (auto line = captured.begin(); line != captured.end(); ++line) {
    const auto same = [&](const auto& other) { return other.first == line->first; };
    if (std::any_of(captured.begin(), line, same)) continue;
    std::string value;
    for (auto other = line; other != captured.end(); ++other) {
      if (!same(*other)) continue;
      if (other != line) value.append(", ");
      append_utf8(other->second, value);
    }
    add(attributes, AttributeKey::copied(std::string(prefix) + *line->first), std::move(value));
  }
}

std::string protocol_version(const request_event& request) {
  if (request.protocol == PROTOCOL_HTTP2) return "2";
  return request.facts & REQUEST_HTTP10 ? "1.0" : "1.1";
}

struct Outcome {
  std::string error_type;
  std::string_view message;
};

// A status that says "error" names the error; else the way the exchange ended does.
Outcome outcome_of_end(const response_event& response) {
  switch (response.end) {
    case END_RESET:
      return {"stream_reset", "the stream was reset before the exchange was complete"};
    case END_CLOSED:
      return {"connection_closed", "connection closed before the exchange was complete"};
    case END_TIMEOUT:
      return {"timeout", "nothing moved on the connection until the time-out"};
    case END_EXIT:
      return {"process_exit", "the process ended before the exchange was complete"};
    default:
      return {};
  }
}

Outcome outcome_of(const response_event& response, bool server) {
  if (response.status >= 500 || (!server && response.status >= 400)) return {std::to_string(response.status), {}};
  return outcome_of_end(response);
}

void set_outcome(const response_event& response, Outcome outcome, Span& span) {
  if (response.end != END_COMPLETE) add(span.attributes, "weft.end", std::string(end_name(response.end)));
  if (outcome.error_type.empty()) return;
  span.status = StatusCode::error;
  span.status_message = outcome.message;
  add(span.attributes, "error.type", std::move(outcome.error_type));
}

}  // namespace

void add_method(const HttpFacts& facts, Attributes& attributes) {
  add(attributes, "http.request.method", std::string(facts.known_method ? facts.method : "_OTHER"));
  if (!facts.known_method && !facts.method.empty())
    add(attributes, "http.request.method_original", to_utf8(facts.method));
}

void add_server_address(const HttpFacts& facts, std::string_view fallback_address, int fallback_port,
                        Attributes& attributes) {
  if (facts.host.host.empty()) {
    add(attributes, "server.address", std::string(fallback_address));
    add(attributes, "server.port", std::int64_t{fallback_port});
    return;
  }
  add(attributes, "server.address", to_utf8(facts.host.host));
  add(attributes, "server.port", std::int64_t{facts.host.port ? facts.host.port : default_http_port});
}

void add_message_attributes(const Exchange& exchange, const HttpFacts& facts, std::string peer_address,
                            Attributes& attributes) {
  const response_event& response = exchange.response;
  if (response.status) add(attributes, "http.response.status_code", std::int64_t{response.status});
  add_peer_attributes(exchange, facts, std::move(peer_address), attributes);
}

void add_peer_attributes(const Exchange& exchange, const HttpFacts& facts, std::string peer_address,
                         Attributes& attributes) {
  add(attributes, "network.peer.address", std::move(peer_address));
  add(attributes, "network.protocol.version", protocol_version(exchange.request));
  add_captured("http.request.header.", facts.captured_request, attributes);
  add_captured("http.response.header.", facts.captured_response, attributes);
}

void add_peer_port(const Exchange& exchange, Attributes& attributes) {
  add(attributes, "network.peer.port", std::int64_t{exchange.request.peer_port});
}

void add_sizes(const Exchange& exchange, Attributes& attributes) {
  const response_event& response = exchange.response;
  if (response.request_body_bytes)
    add(attributes, "http.request.body.size", static_cast<std::int64_t>(response.request_body_bytes));
  if (response.status)
    add(attributes, "http.response.body.size", static_cast<std::int64_t>(response.response_body_bytes));
}

void set_outcome(const Exchange& exchange, Span& span) {
  set_outcome(exchange.response, outcome_of(exchange.response, exchange.is_server()), span);
}

void set_early_end(const response_event& response, Span& span) {
  set_outcome(response, outcome_of_end(response), span);
}

}  // namespace weft
