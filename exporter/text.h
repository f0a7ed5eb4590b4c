// SPDX-License-Identifier: Apache-2.0
// JSON of text that came from traced programs, and of attributes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "span/span.h"

namespace weft {

// "text" with RFC 8259 escapes, quotes included; each byte that is not UTF-8 becomes U+FFFD.
void append_json(std::string& out, std::string_view text);
void append_json(std::string& out, std::int64_t number);
void append_json(std::string& out, std::uint64_t number);
void append_json(std::string& out, const AttributeValue& value);  // a number that is not finite becomes null

}  // namespace weft
