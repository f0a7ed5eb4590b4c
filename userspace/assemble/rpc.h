// SPDX-License-Identifier: Apache-2.0
// gRPC: what an HTTP/2 exchange says of a remote procedure call. Names by OpenTelemetry's conventions for RPC.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "assemble/http_facts.h"
#include "correlate/exchange.h"
#include "span/span.h"

namespace weft {

// gRPC's status codes, https://grpc.io/docs/guides/status-codes/.
std::string_view grpc_code_name(unsigned code);  // "" beyond 16

// Of a request that is known in part only: its body and the answer's are messages as gRPC frames them.
bool has_grpc_messages(const Exchange& exchange);

// By the request's content-type; where that is not known, as on a connection that was joined in mid-life, by the answer
// and by what the messages look like.
bool is_grpc(const Exchange& exchange, const HttpFacts& facts);

// From the trailers, else from what HTTP/2 says. nullopt: nothing is known.
std::optional<unsigned> grpc_code_of(const Exchange& exchange, const HttpFacts& facts);

// "/pkg.Service/Method" -> "pkg.Service/Method".
std::string_view grpc_method_of(std::string_view path);

// Name, rpc.* and status. Replaces what an HTTP span has in their place.
void set_rpc(const Exchange& exchange, const HttpFacts& facts, std::string_view path, Span& span);
// How many messages went either way, unless it was one.
void add_messages(const Exchange& exchange, Attributes& attributes);

}  // namespace weft
