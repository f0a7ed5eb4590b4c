// SPDX-License-Identifier: Apache-2.0
#include "runtime/elf_symbols.h"

#include <elf.h>

#include <algorithm>
#include <vector>

namespace weft {
namespace {

constexpr std::size_t kWindow = 64 * 1024;
// Larger tables are not searched, and a name that stands more often is not believed.
constexpr std::uint64_t kTableMax = 512u << 20;
constexpr std::size_t kPlacesMax = 64;
using Places = std::map<std::uint64_t, std::string>;  // in the table of strings

// Where the names stand, be it at the end of a longer one.
Places places_of(const ElfFile& file, const ElfSection& strings, std::span<const std::string_view> names) {
  Places places;
  std::size_t longest = 0;
  for (const auto name : names) longest = std::max(longest, name.size() + 1);
  std::vector<std::byte> window(kWindow + longest);
  for (std::uint64_t at = 0; at < strings.bytes && places.size() <= kPlacesMax; at += kWindow) {
    const std::size_t wanted = std::min<std::uint64_t>(window.size(), strings.bytes - at);
    const std::size_t have = file.read(strings.offset + at, std::span(window).first(wanted));
    const std::string_view text(reinterpret_cast<const char*>(window.data()), have);
    for (const auto name : names) {
      const std::string ended = std::string(name) + '\0';
      for (std::size_t found = text.find(ended); found < kWindow; found = text.find(ended, found + 1))
        if (places.size() <= kPlacesMax) places.emplace(at + found, name);
    }
  }
  return places;
}

// Calls `each` with every entry of a table and its number.
template <typename Entry, typename Each>
void each_entry(const ElfFile& file, const ElfSection& table, const Each& each) {
  std::vector<Entry> window(kWindow / sizeof(Entry));
  std::uint64_t number = 0;
  for (std::uint64_t at = 0; at < table.bytes; at += window.size() * sizeof(Entry)) {
    const std::size_t wanted = std::min<std::uint64_t>(window.size() * sizeof(Entry), table.bytes - at);
    const std::size_t have = file.read(table.offset + at, std::as_writable_bytes(std::span(window)).first(wanted));
    for (const auto& entry : std::span(window).first(have / sizeof(Entry))) each(entry, number++);
  }
}

void take_symbols(const ElfFile& file, const ElfSection& symbols, const Places& places,
                  std::map<std::string, CodeRange>& found) {
  each_entry<Elf64_Sym>(file, symbols, [&](const Elf64_Sym& symbol, std::uint64_t) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) return;
    if (const auto name = places.find(symbol.st_name); name != places.end())
      found.emplace(name->second, CodeRange{symbol.st_value, symbol.st_size});
  });
}

}  // namespace

std::map<std::string, CodeRange> find_functions(const ElfFile& file, std::span<const std::string_view> names) {
  std::map<std::string, CodeRange> found;
  if (!file.is_x86_64()) return found;
  for (const auto& [symbols, strings] : {std::pair(".dynsym", ".dynstr"), std::pair(".symtab", ".strtab")}) {
    const auto symbol_section = file.section(symbols), string_section = file.section(strings);
    if (!symbol_section || !string_section) continue;
    if (symbol_section->bytes > kTableMax || string_section->bytes > kTableMax) continue;
    const Places places = places_of(file, *string_section, names);
    if (!places.empty() && places.size() <= kPlacesMax) take_symbols(file, *symbol_section, places, found);
    if (found.size() == names.size()) break;
  }
  return found;
}

std::multimap<std::string, std::uint64_t> find_imports(const ElfFile& file, std::span<const std::string_view> names) {
  std::multimap<std::string, std::uint64_t> found;
  const auto symbols = file.section(".dynsym"), strings = file.section(".dynstr");
  if (!file.is_x86_64() || !symbols || !strings || symbols->bytes > kTableMax || strings->bytes > kTableMax)
    return found;
  const Places places = places_of(file, *strings, names);
  if (places.size() > kPlacesMax) return found;
  std::map<std::uint64_t, std::string> wanted;
  each_entry<Elf64_Sym>(file, *symbols, [&](const Elf64_Sym& symbol, std::uint64_t number) {
    if (const auto name = places.find(symbol.st_name); name != places.end()) wanted.emplace(number, name->second);
  });
  for (const char* relocations : {".rela.plt", ".rela.dyn"}) {
    const auto table = file.section(relocations);
    if (!table || table->bytes > kTableMax) continue;
    each_entry<Elf64_Rela>(file, *table, [&](const Elf64_Rela& relocation, std::uint64_t) {
      const auto kind = ELF64_R_TYPE(relocation.r_info);
      if (kind != R_X86_64_JUMP_SLOT && kind != R_X86_64_GLOB_DAT) return;
      if (const auto name = wanted.find(ELF64_R_SYM(relocation.r_info)); name != wanted.end())
        found.emplace(name->second, relocation.r_offset);
    });
  }
  return found;
}

}  // namespace weft
