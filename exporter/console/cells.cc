// SPDX-License-Identifier: Apache-2.0
#include "exporter/console/cells.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace weft {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};

Character next_character(std::string_view text) {
  const std::size_t length = utf8_sequence(text);
  if (length == 0) return {};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  static constexpr std::array<unsigned char, 5> lead_mask{0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = byte(0) & lead_mask[length];
  for (std::size_t i = 1; i < length; i++) code = code << 6 | (byte(i) & 0x3f);
  return {code, length};
}

bool harmless(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool direction = c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  return !control && !direction;
}

// The blocks that Unicode marks as wide (UAX 11), roughly; enough to keep columns in line.
unsigned width_of(char32_t c) {
  static constexpr std::array<std::pair<char32_t, char32_t>, 9> wide{{{0x1100, 0x115f},
                                                                      {0x2e80, 0xa4cf},
                                                                      {0xac00, 0xd7a3},
                                                                      {0xf900, 0xfaff},
                                                                      {0xfe30, 0xfe6f},
                                                                      {0xff00, 0xff60},
                                                                      {0xffe0, 0xffe6},
                                                                      {0x1f300, 0x1faff},
                                                                      {0x20000, 0x3fffd}}};
  return std::any_of(wide.begin(), wide.end(), [c](auto range) { return c >= range.first && c <= range.second; }) ? 2
                                                                                                                  : 1;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = next_character(text);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    out += character.bytes != 0 && harmless(character.code) ? text.substr(0, bytes) : "?";
    text.remove_prefix(bytes);
  }
  return out;
}

unsigned cell_width(std::string_view text) {
  unsigned cells = 0;
  while (!text.empty()) {
    const Character character = next_character(text);
    cells += width_of(character.code);
    text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
  }
  return cells;
}

std::string cut_cells(std::string_view text, unsigned width) {
  if (cell_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::string out;
  unsigned cells = 0;
  while (!text.empty()) {
    const Character character = next_character(text);
    if (cells + width_of(character.code) > width - 1) break;
    cells += width_of(character.code);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  return out + "…";
}

std::string left_cell(std::string_view text, unsigned width) {
  std::string out = cut_cells(text, width);
  return out.append(width - std::min(width, cell_width(out)), ' ');
}

std::string right_cell(std::string_view text, unsigned width) {
  const std::string cut = cut_cells(text, width);
  return std::string(width - std::min(width, cell_width(cut)), ' ') + cut;
}

}  // namespace weft
