// SPDX-License-Identifier: Apache-2.0
// Text in terminal cells: made harmless, measured, cut and padded.
#pragma once

#include <string>
#include <string_view>

namespace weft {

// Control characters (C0, C1), bidirectional overrides and bytes that are not UTF-8 become '?'.
std::string printable(std::string_view text);

// Cells that `text` takes; wide (East Asian, emoji) characters count two. REQUIRES: printable.
unsigned cell_width(std::string_view text);

// Cut with '…' when longer than `width` cells; REQUIRES: printable.
std::string cut_cells(std::string_view text, unsigned width);
// Cut or padded with spaces to exactly `width`.
std::string left_cell(std::string_view text, unsigned width);
std::string right_cell(std::string_view text, unsigned width);

}  // namespace weft
