// SPDX-License-Identifier: Apache-2.0
// ASCII text as HTTP sees it; no locale.
#pragma once

#include <cstddef>
#include <string_view>

namespace weft {

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f'); }
constexpr bool is_alpha(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }

namespace text_detail {
struct TokenTable {
  bool is[256] = {};
  constexpr TokenTable() {
    for (int c = 0; c < 256; c++) is[c] = is_digit(static_cast<char>(c)) || (c < 128 && is_alpha(static_cast<char>(c)));
    for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(c)] = true;
  }
};
inline constexpr TokenTable token_table;
}  // namespace text_detail

// RFC 9110 section 5.6.2
constexpr bool is_token_char(char c) { return text_detail::token_table.is[static_cast<unsigned char>(c)]; }

// REQUIRES: `lower` is lower case already.
constexpr bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); i++)
    if (ascii_lower(text[i]) != lower[i]) return false;
  return true;
}

// Optional whitespace of RFC 9110 section 5.6.3.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes what stands before `separator` off `rest`; the last piece leaves `rest` empty.
constexpr std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view piece = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return piece;
}

}  // namespace weft
