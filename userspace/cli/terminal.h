// SPDX-License-Identifier: Apache-2.0
// Standard output: how wide, in colour or not, and tables that fit it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

struct Screen {
  unsigned width = 0;  // columns; 0 = not a terminal, no limit
  bool color = false;  // a terminal and no NO_COLOR (no-color.org)
  bool terminal = false;
};
Screen screen();

// False when the reader is gone (a closed pipe): no reason to go on, none to complain.
bool print(std::string_view text);

enum class Tone { plain, good, warn, bad, dim, strong };
std::string toned(std::string_view text, Tone tone, bool color);

// Columns as wide as their longest cell. On a narrow terminal the flexible ones shrink, widest first. Control
// characters in cells are replaced: names come from traced programs.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;
    bool flexible = false;
  };
  struct Cell {
    Cell(const std::string& text, Tone tone = Tone::plain);
    Cell(const char* text) : Cell(std::string(text)) {}
    std::string text;
    Tone tone;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }  // REQUIRES: as many as columns
  std::string text(const Screen& screen) const;

 private:
  std::vector<unsigned> widths(unsigned limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace weft::cli
