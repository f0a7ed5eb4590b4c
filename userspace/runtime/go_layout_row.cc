// SPDX-License-Identifier: Apache-2.0
// go_layout_row PROGRAM...: prints the row of go_layout_table.inc that each program's DWARF gives, and its version.
#include <fmt/format.h>

#include "runtime/go_layout.h"

int main(int argc, char** argv) {
  using namespace weft;
  for (int i = 1; i < argc; ++i) {
    const auto file = ElfFile::open(argv[i]);
    const auto section = file ? file->section(".go.buildinfo") : std::nullopt;
    const auto text = section ? read_go_version(*file, *section) : Result<std::string>(fail("no .go.buildinfo"));
    const auto version = text ? parse_go_version(*text) : std::nullopt;
    const auto layout = version ? go_layout_from_dwarf(*file) : std::nullopt;
    if (!layout) {
      fmt::print(stderr, "{}: no version or no DWARF\n", argv[i]);
      return 1;
    }
    const auto number = [](std::uint16_t offset) { return offset == kNoField ? "kNoField" : std::to_string(offset); };
    fmt::print("{{{}, {{{}, {}, {}, {}, {}, {}}}}},\n", version->minor, number(layout->g_m), number(layout->g_goid),
               number(layout->g_parent_goid), number(layout->g_startpc), number(layout->m_curg),
               number(layout->persist_conn_conn));
  }
}
