// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "exporter/console/cells.h"

namespace weft::cli {
namespace {
constexpr unsigned kGap = 2;        // between columns
constexpr unsigned kNarrowest = 8;  // a flexible column is not made narrower

std::string_view code(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "\x1b[32m";
    case Tone::warn:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::strong:
      return "\x1b[1m";
  }
  return "";
}
}  // namespace

Screen screen() {
  Screen screen;
  screen.terminal = isatty(STDOUT_FILENO) == 1;
  if (!screen.terminal) return screen;
  winsize size{};
  screen.width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  const char* no_color = std::getenv("NO_COLOR");
  screen.color = !no_color || *no_color == '\0';
  return screen;
}

bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

std::string toned(std::string_view text, Tone tone, bool color) {
  if (!color || tone == Tone::plain) return std::string(text);
  return std::string(code(tone)) + std::string(text) + "\x1b[0m";
}

Table::Cell::Cell(const std::string& text, Tone tone) : text(printable(text)), tone(tone) {}

std::vector<unsigned> Table::widths(unsigned limit) const {
  std::vector<unsigned> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    unsigned width = cell_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, cell_width(row[i].text));
    widths.push_back(width);
  }
  const auto total = [&] {
    unsigned sum = kGap * static_cast<unsigned>(widths.size() - 1);
    for (const unsigned width : widths) sum += width;
    return sum;
  };
  while (limit > 0 && total() > limit) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool can = columns_[i].flexible && widths[i] > kNarrowest;
      if (can && (widest == columns_.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns_.size()) break;  // cannot fit: the terminal wraps
    --widths[widest];
  }
  return widths;
}

std::string Table::text(const Screen& screen) const {
  const auto widths = this->widths(screen.width);
  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Cell& cell = cell_of(i);
      if (i > 0) text.append(kGap, ' ');
      std::string padded = columns_[i].right ? right_cell(cell.text, widths[i]) : left_cell(cell.text, widths[i]);
      if (i + 1 == columns_.size()) padded.erase(padded.find_last_not_of(' ') + 1);
      text += toned(padded, cell.tone, screen.color);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  std::vector<Cell> titles;
  titles.reserve(columns_.size());
  for (const auto& column : columns_) titles.emplace_back(column.title, Tone::strong);
  line([&](std::size_t i) -> const Cell& { return titles[i]; });
  for (const auto& row : rows_) line([&](std::size_t i) -> const Cell& { return row[i]; });
  return out;
}

}  // namespace weft::cli
