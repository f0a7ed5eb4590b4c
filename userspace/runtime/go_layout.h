// SPDX-License-Identifier: Apache-2.0
// Where the fields lie that weft reads in a running Go program. They move up and down between versions, so they are
// never extrapolated: a table made by tools/go-offsets for the versions it knows, DWARF for others.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "runtime/elf_file.h"
#include "runtime/go_version.h"

namespace weft {

constexpr std::uint16_t kNoField = 0xffff;

struct GoLayout {
  std::uint16_t g_m = kNoField;
  std::uint16_t g_goid = kNoField;
  std::uint16_t g_parent_goid = kNoField;  // since Go 1.21
  std::uint16_t g_startpc = kNoField;
  std::uint16_t m_curg = kNoField;
  std::uint16_t persist_conn_conn = kNoField;  // net/http.persistConn, of programs that have it
  bool operator==(const GoLayout&) const = default;
  bool complete() const { return g_m != kNoField && g_goid != kNoField && g_startpc != kNoField && m_curg != kNoField; }
};

// Exactly this version's row; nothing for a version that the table does not know.
std::optional<GoLayout> known_go_layout(const GoVersion& version);

// The newest row, for a version after it, and that version.
struct NewestGo {
  GoVersion version;
  GoLayout layout;
};
NewestGo newest_go_layout();

// From the debugging information; nothing when it has none, or more of it than is worth reading.
std::optional<GoLayout> go_layout_from_dwarf(const ElfFile& file);

}  // namespace weft
