// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace weft {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// No byte above 0x7f and no NUL, eight at a time: nearly all text is like this.
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

bool is_control(std::string_view sequence) {
  return sequence.size() == 1 && (static_cast<unsigned char>(sequence[0]) < 0x20 || sequence[0] == 0x7f);
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; i++)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  if (plain_ascii(text)) return true;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_utf8(std::string_view text, std::string& out) {
  if (plain_ascii(text)) {
    out.append(text);
    return;
  }
  while (!text.empty()) {
    const std::size_t length = text[0] == 0 ? 0 : utf8_sequence(text);
    out.append(length == 0 ? replacement : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

std::string to_utf8(std::string_view text) {
  std::string out;
  append_utf8(text, out);
  return out;
}

std::string_view as_utf8(std::string_view text, std::string& room) {
  if (plain_ascii(text)) return text;
  room.clear();
  append_utf8(text, room);
  return room;
}

std::string to_utf8_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const std::string_view sequence = text.substr(0, length);
    out.append(length == 0 || is_control(sequence) ? "?" : sequence);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace weft
