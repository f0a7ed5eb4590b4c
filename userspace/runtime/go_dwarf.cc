// SPDX-License-Identifier: Apache-2.0
#include <dwarf.h>
#include <elfutils/libdw.h>

#include <cstring>
#include <memory>
#include <string_view>

#include "runtime/go_layout.h"

namespace weft {
namespace {

constexpr std::uint64_t kMostDebugBytes = 16u << 20;  // unpacked it is read into memory as a whole

struct DwarfEnd {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};

struct Field {
  std::string_view type, name;
  std::uint16_t GoLayout::* offset;
};
constexpr Field kFields[] = {
    {"runtime.g", "m", &GoLayout::g_m},
    {"runtime.g", "goid", &GoLayout::g_goid},
    {"runtime.g", "parentGoid", &GoLayout::g_parent_goid},
    {"runtime.g", "startpc", &GoLayout::g_startpc},
    {"runtime.m", "curg", &GoLayout::m_curg},
    {"net/http.persistConn", "conn", &GoLayout::persist_conn_conn},
};

void read_fields(Dwarf_Die* type, std::string_view type_name, GoLayout& layout) {
  Dwarf_Die member;
  if (dwarf_child(type, &member) != 0) return;
  do {
    const char* name = dwarf_diename(&member);
    if (dwarf_tag(&member) != DW_TAG_member || name == nullptr) continue;
    for (const Field& field : kFields) {
      Dwarf_Attribute attribute;
      Dwarf_Word offset = 0;
      if (field.type == type_name && field.name == name &&
          dwarf_formudata(dwarf_attr(&member, DW_AT_data_member_location, &attribute), &offset) == 0 &&
          offset < kNoField)
        layout.*field.offset = static_cast<std::uint16_t>(offset);
    }
  } while (dwarf_siblingof(&member, &member) == 0);
}

void read_unit(Dwarf_Die* unit, GoLayout& layout) {
  Dwarf_Die die;
  if (dwarf_child(unit, &die) != 0) return;
  do {
    if (dwarf_tag(&die) != DW_TAG_structure_type) continue;
    const char* name = dwarf_diename(&die);
    if (name == nullptr) continue;
    for (const Field& field : kFields)
      if (field.type == name) {
        read_fields(&die, name, layout);
        break;
      }
  } while (dwarf_siblingof(&die, &die) == 0);
}

}  // namespace

std::optional<GoLayout> go_layout_from_dwarf(const ElfFile& file) {
  std::uint64_t bytes = 0;
  for (const auto& section : file.sections())
    if (section.name.starts_with(".debug_") || section.name.starts_with(".zdebug_")) bytes += section.bytes;
  if (bytes == 0 || bytes > kMostDebugBytes) return std::nullopt;
  const std::unique_ptr<Dwarf, DwarfEnd> dwarf(dwarf_begin_elf(file.elf(), DWARF_C_READ, nullptr));
  if (!dwarf) return std::nullopt;
  GoLayout layout;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (dwarf_get_units(dwarf.get(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    const char* name = dwarf_diename(&die);
    if (name != nullptr && (std::strcmp(name, "runtime") == 0 || std::strcmp(name, "net/http") == 0))
      read_unit(&die, layout);
  }
  if (!layout.complete()) return std::nullopt;
  return layout;
}

}  // namespace weft
