// SPDX-License-Identifier: Apache-2.0
// Text of spans is UTF-8 (OTLP's protobuf strings and JSON must be); what programs send need not be.
#pragma once

#include <string>
#include <string_view>

namespace weft {

// Appends `text` with every byte that is no part of valid UTF-8, and every NUL, replaced by U+FFFD.
void append_utf8(std::string_view text, std::string& out);
std::string utf8_text(std::string_view text);
// The same after percent-decoding (baggage values); a '%' without two hex digits stays as it is.
std::string percent_decoded_utf8(std::string_view text);

}  // namespace weft
