// SPDX-License-Identifier: Apache-2.0
// Text of spans, metrics and JSON is UTF-8 (protobuf strings must be); what programs send and are called need not be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weft {

// Bytes of the well-formed sequence (RFC 3629) that `text` starts with; 0 = none.
std::size_t utf8_sequence(std::string_view text);

bool is_utf8(std::string_view text);

// Every byte that is no part of a well-formed sequence, and every NUL, becomes U+FFFD.
std::string to_utf8(std::string_view text);
void append_utf8(std::string_view text, std::string& out);
// The same without a copy of plain ASCII; `room` holds all else, and is not to be changed meanwhile.
std::string_view as_utf8(std::string_view text, std::string& room);

// One line for people, such as the name of a file: each such byte and every ASCII control character becomes '?'.
std::string to_utf8_line(std::string_view text);

}  // namespace weft
