// SPDX-License-Identifier: Apache-2.0
// Text that came from traced programs, made fit for a peer: protobuf strings and JSON must be UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "span/span.h"

namespace weft {

// Length of the well-formed UTF-8 sequence (RFC 3629) that `text` starts with; 0 = none.
std::size_t utf8_sequence(std::string_view text);

bool is_utf8(std::string_view text);

// Each byte that is not part of a well-formed sequence becomes U+FFFD.
std::string to_utf8(std::string_view text);

// "text" with RFC 8259 escapes, quotes included; not UTF-8 as in to_utf8.
void append_json(std::string& out, std::string_view text);
void append_json(std::string& out, std::int64_t number);
void append_json(std::string& out, std::uint64_t number);
void append_json(std::string& out, const AttributeValue& value);  // a number that is not finite becomes null

}  // namespace weft
