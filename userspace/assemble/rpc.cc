// SPDX-License-Identifier: Apache-2.0
#include "assemble/rpc.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "assemble/attributes.h"
#include "base/utf8.h"
#include "kernel/names.h"

namespace weft {
namespace {

enum Code : unsigned {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  deadline_exceeded = 4,
  permission_denied = 7,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

// "100m" -> nanoseconds (the gRPC protocol's TimeoutValue and TimeoutUnit).
std::optional<std::uint64_t> timeout_ns(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end + 1 != text.data() + text.size() || text.size() > 9) return std::nullopt;
  switch (*end) {
    case 'H':
      return value * 3'600'000'000'000;
    case 'M':
      return value * 60'000'000'000;
    case 'S':
      return value * 1'000'000'000;
    case 'm':
      return value * 1'000'000;
    case 'u':
      return value * 1000;
    case 'n':
      return value;
    default:
      return std::nullopt;
  }
}

// "HTTP2 Transport Mapping" of the gRPC protocol. A reset with CANCEL is how a client gives up, for whatever reason:
// when its time was over, that was it.
unsigned code_of_reset(const Exchange& exchange, const HttpFacts& facts) {
  constexpr unsigned refused_stream = 7, cancel = 8, enhance_your_calm = 11, inadequate_security = 12;
  const std::uint64_t took_ns = exchange.response.header.time_ns - exchange.request.header.time_ns;
  switch (exchange.response.reset_code) {
    case refused_stream:
      return unavailable;
    case cancel: {
      const auto allowed = timeout_ns(facts.grpc_timeout);
      return allowed && took_ns + took_ns / 16 + 1'000'000 >= *allowed ? deadline_exceeded : cancelled;
    }
    case enhance_your_calm:
      return resource_exhausted;
    case inadequate_security:
      return permission_denied;
    default:
      return internal;
  }
}

// "HTTP to gRPC Status Code Mapping".
unsigned code_of_http(unsigned status) {
  switch (status) {
    case 400:
      return internal;
    case 401:
      return unauthenticated;
    case 403:
      return permission_denied;
    case 404:
      return unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return unavailable;
    default:
      return unknown;
  }
}

bool is_error(unsigned code, bool server) {
  if (!server) return code != ok;
  return code == unknown || code == deadline_exceeded || code == unimplemented || code == internal ||
         code == unavailable || code == data_loss;
}

}  // namespace

std::string_view grpc_code_name(unsigned code) {
  static constexpr std::array<std::string_view, 17> names{
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return code < names.size() ? names[code] : std::string_view{};
}

bool has_grpc_messages(const Exchange& exchange) {
  return (exchange.request.facts & REQUEST_UNKNOWN) && exchange.response.request_messages &&
         exchange.response.response_messages;
}

bool is_grpc(const Exchange& exchange, const HttpFacts& facts) {
  constexpr std::string_view grpc = "application/grpc";
  if (exchange.request.protocol != PROTOCOL_HTTP2) return false;
  if (!facts.content_type.empty()) return facts.content_type.starts_with(grpc);
  // Not known, or not sent: a gRPC server answers so whatever it was asked, and calls are POST.
  if (facts.method != "POST") return false;
  if (!facts.grpc_status.empty()) return true;
  return facts.response_type.empty() ? has_grpc_messages(exchange) : facts.response_type.starts_with(grpc);
}

std::optional<unsigned> grpc_code_of(const Exchange& exchange, const HttpFacts& facts) {
  unsigned code = 0;
  const std::string_view text = facts.grpc_status;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error == std::errc() && end == text.data() + text.size()) return code <= unauthenticated ? code : unknown;
  switch (exchange.response.end) {
    case END_RESET:
      return code_of_reset(exchange, facts);
    case END_CLOSED:
    case END_EXIT:
      return unavailable;
    case END_COMPLETE:
      if (exchange.response.status && exchange.response.status != 200) return code_of_http(exchange.response.status);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::string_view grpc_method_of(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

void set_rpc(const Exchange& exchange, const HttpFacts& facts, std::string_view path, Span& span) {
  Attributes& attributes = span.attributes;
  const auto code = grpc_code_of(exchange, facts);
  const std::string method(grpc_method_of(path));
  // Names that a caller made up are not to become series and routes.
  const bool made_up = exchange.is_server() && code == unimplemented;
  span.name = method.empty() ? "grpc" : made_up ? "_OTHER" : method;
  add(attributes, "rpc.system.name", std::string("grpc"));
  if (!method.empty()) add(attributes, "rpc.method", made_up ? std::string("_OTHER") : method);
  if (made_up && !method.empty()) add(attributes, "rpc.method_original", method);
  if (exchange.response.end != END_COMPLETE) add(attributes, "weft.end", std::string(end_name(exchange.response.end)));
  if (!code) return;
  const std::string name(grpc_code_name(*code));
  add(attributes, "rpc.status_code", name);
  if (!is_error(*code, exchange.is_server())) return;
  span.status = StatusCode::error;
  if (facts.grpc_message != "-") span.status_message = to_utf8(facts.grpc_message);  // unless it is masked
  add(attributes, "error.type", name);
}

void add_messages(const Exchange& exchange, Attributes& attributes) {
  const response_event& response = exchange.response;
  if (response.request_messages <= 1 && response.response_messages <= 1) return;
  add(attributes, "weft.rpc.request.messages", std::int64_t{response.request_messages});
  add(attributes, "weft.rpc.response.messages", std::int64_t{response.response_messages});
}

}  // namespace weft
