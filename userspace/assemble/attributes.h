// SPDX-License-Identifier: Apache-2.0
// The attributes that HTTP server and client spans share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "assemble/http_facts.h"
#include "correlate/exchange.h"
#include "span/span.h"

namespace weft {

inline constexpr int default_http_port = 80;

// Appends without looking for the key: REQUIRES that it is not there yet.
inline void add(Attributes& attributes, AttributeKey key, std::string value) {
  attributes.items.emplace_back(std::move(key), std::move(value));
}
inline void add(Attributes& attributes, AttributeKey key, std::int64_t value) {
  attributes.items.emplace_back(std::move(key), value);
}

void add_method(const HttpFacts& facts, Attributes& attributes);
void add_server_address(const HttpFacts& facts, std::string_view fallback_address, int fallback_port,
                        Attributes& attributes);
// Status code, peer's address, protocol version, captured headers.
void add_message_attributes(const Exchange& exchange, const HttpFacts& facts, std::string peer_address,
                            Attributes& attributes);
// The same without the status code.
void add_peer_attributes(const Exchange& exchange, const HttpFacts& facts, std::string peer_address,
                         Attributes& attributes);
// What spans do not have in common however alike their requests are: the peer's port and …
void add_peer_port(const Exchange& exchange, Attributes& attributes);
// … sizes of bodies.
void add_sizes(const Exchange& exchange, Attributes& attributes);
// Status of the span, error.type, weft.end.
void set_outcome(const Exchange& exchange, Span& span);
// The same of an exchange without status code. REQUIRES: its end is not END_COMPLETE.
void set_early_end(const response_event& response, Span& span);

}  // namespace weft
