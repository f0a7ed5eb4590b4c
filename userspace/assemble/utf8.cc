// SPDX-License-Identifier: Apache-2.0
#include "assemble/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "decode/text.h"

namespace weft {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool plain_ascii(std::string_view text) {
  std::uint64_t high = 0;
  std::size_t i = 0;
  bool zero = false;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof(word));
    high |= word;
    zero |= ((word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull) != 0;
  }
  for (; i < text.size(); i++) {
    high |= static_cast<unsigned char>(text[i]);
    zero |= text[i] == 0;
  }
  return !zero && (high & 0x8080808080808080ull) == 0;
}

// Bytes of the well-formed sequence at the front (Unicode table 3-7), 0 = none.
std::size_t sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0), second = byte(1);
  if (first < 0x80) return first != 0;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2) || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F))
      return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4;
  }
  return 0;
}

int hex_value(char c) { return is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10; }

}  // namespace

void append_utf8(std::string_view text, std::string& out) {
  if (plain_ascii(text)) {
    out.append(text);
    return;
  }
  while (!text.empty()) {
    const std::size_t bytes = sequence_bytes(text);
    out.append(bytes ? text.substr(0, bytes) : replacement);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
}

std::string utf8_text(std::string_view text) {
  std::string out;
  append_utf8(text, out);
  return out;
}

std::string percent_decoded_utf8(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      decoded.push_back(static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return utf8_text(decoded);
}

}  // namespace weft
