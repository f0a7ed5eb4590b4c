// SPDX-License-Identifier: Apache-2.0
#include "runtime/go_functions.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

namespace weft {
namespace {

constexpr std::uint32_t kMagic118 = 0xfffffff0, kMagic120 = 0xfffffff1;
constexpr std::size_t kTableWindow = 256 * 1024;
constexpr std::uint64_t kMostFunctions = 4'000'000;
constexpr std::size_t kMostFound = 512;
constexpr std::size_t kLongestName = 4096;
constexpr std::uint64_t kModuleText = 176;  // runtime.moduledata.text, the section .go.module of Go 1.26

// Bytes of the file through one buffer that slides.
class Window {
 public:
  Window(const ElfFile& file, std::uint64_t begin, std::uint64_t end)
      : file_(file), begin_(begin), end_(std::max(begin, end)) {}

  // `count` bytes at `at` (relative to the beginning), or nothing when they are not all there. Valid until the next
  // call.
  const std::byte* at(std::uint64_t at, std::size_t count) {
    if (at > size() || count > size() - at || count > kTableWindow) return nullptr;
    if (at < start_ || at + count > start_ + held_) {
      buffer_.resize(kTableWindow);
      start_ = at;
      held_ = file_.read(begin_ + at, std::span(buffer_).first(std::min<std::uint64_t>(kTableWindow, size() - at)));
      if (count > held_) return nullptr;
    }
    return buffer_.data() + (at - start_);
  }
  template <typename T>
  std::optional<T> value(std::uint64_t where) {
    const std::byte* from = at(where, sizeof(T));
    if (from == nullptr) return std::nullopt;
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  std::uint64_t size() const { return end_ - begin_; }

 private:
  const ElfFile& file_;
  const std::uint64_t begin_, end_;
  std::vector<std::byte> buffer_;
  std::uint64_t start_ = 0;
  std::size_t held_ = 0;
};

bool is_header(const std::byte* bytes) {
  std::uint32_t magic;
  std::memcpy(&magic, bytes, sizeof magic);
  const auto byte = [bytes](int i) { return static_cast<unsigned>(bytes[i]); };
  return (magic == kMagic118 || magic == kMagic120) && byte(4) == 0 && byte(5) == 0 && byte(6) == 1 && byte(7) == 8;
}

struct Place {
  std::uint64_t begin, end;  // file offsets
  std::uint64_t address;     // of the beginning
};

// Position-independent programs that another linker put together have it somewhere in .data.rel.ro.
std::optional<Place> search(const ElfFile& file, const ElfSection& section) {
  Window window(file, section.offset, section.offset + section.bytes);
  for (std::uint64_t at = 0; at + 8 <= section.bytes; at += 8) {
    const std::byte* bytes = window.at(at, 8);
    if (bytes == nullptr) return std::nullopt;
    if (is_header(bytes)) return Place{section.offset + at, section.offset + section.bytes, section.address + at};
  }
  return std::nullopt;
}

std::optional<Place> find_table(const ElfFile& file, const std::vector<ElfSection>& sections) {
  for (const auto& section : sections)
    if (section.name == ".gopclntab" || section.name == ".data.rel.ro.gopclntab")
      return Place{section.offset, section.offset + section.bytes, section.address};
  for (const auto& section : sections)
    if (section.name == ".data.rel.ro")
      if (auto found = search(file, section)) return found;
  return std::nullopt;
}

// A pointer in the file's data as linked. Where it is relocated at load, the relocation has it.
std::optional<std::uint64_t> pointer_at(const ElfFile& file, const std::vector<ElfSection>& sections,
                                        std::uint64_t address) {
  for (const auto& section : sections) {
    if (section.type != SHT_RELA) continue;
    Window window(file, section.offset, section.offset + section.bytes);
    for (std::uint64_t at = 0; at + sizeof(Elf64_Rela) <= section.bytes; at += sizeof(Elf64_Rela)) {
      const auto entry = window.value<Elf64_Rela>(at);
      if (!entry) break;
      if (entry->r_offset == address && ELF64_R_TYPE(entry->r_info) == R_X86_64_RELATIVE)
        return static_cast<std::uint64_t>(entry->r_addend);
    }
  }
  const auto offset = file.file_offset(address);
  if (!offset) return std::nullopt;
  std::uint64_t value = 0;
  if (file.read(*offset, std::as_writable_bytes(std::span(&value, 1))) != sizeof value) return std::nullopt;
  return value;
}

struct Table {
  std::uint64_t functions = 0, text = 0;
  std::uint64_t names = 0, name_end = 0;  // relative to the table's beginning
  std::uint64_t entries = 0;              // the function table, two u32 each; the functions' records are behind it
};

Result<Table> read_header(const ElfFile& file, const std::vector<ElfSection>& sections, Window& window,
                          std::uint64_t address) {
  const std::byte* bytes = window.at(0, 72);
  if (bytes == nullptr || !is_header(bytes)) return fail("its line table is not one of Go 1.18 or newer");
  std::uint64_t fields[8];
  std::memcpy(fields, bytes + 8, sizeof fields);
  Table table;
  table.functions = fields[0];
  table.names = fields[3];
  table.name_end = fields[4];
  table.entries = fields[7];
  if (table.functions > kMostFunctions || table.names > table.name_end || table.name_end > window.size() ||
      table.entries > window.size() || table.functions * 8 > window.size() - table.entries)
    return fail("its line table is damaged");
  std::optional<std::uint64_t> text = fields[2];
  if (fields[2] == 0 || file.position_independent()) text = pointer_at(file, sections, address + 24);
  if (!text || *text == 0) {  // Go 1.26: the field is no longer filled in
    const auto module = std::ranges::find(sections, ".go.module", &ElfSection::name);
    if (module == sections.end()) return fail("its line table does not say where the code begins");
    text = pointer_at(file, sections, module->address + kModuleText);
  }
  if (!text || *text == 0) return fail("its module data does not say where the code begins");
  table.text = *text;
  return table;
}

// Where the wanted names stand in the table of names, which has each of them once.
std::unordered_map<std::uint32_t, std::string> find_names(Window& window, const Table& table,
                                                          std::span<const std::string_view> names,
                                                          std::span<const std::string_view> prefixes) {
  std::unordered_map<std::uint32_t, std::string> found;
  const std::uint64_t all = table.name_end - table.names;
  for (std::uint64_t at = 0; at < all && found.size() < kMostFound;) {
    const std::size_t there = static_cast<std::size_t>(std::min<std::uint64_t>(kLongestName, all - at));
    const std::byte* bytes = window.at(table.names + at, there);
    if (bytes == nullptr) break;
    const auto* text = reinterpret_cast<const char*>(bytes);
    const std::string_view name(text, strnlen(text, there));
    const bool wanted =
        std::ranges::find(names, name) != names.end() ||
        std::ranges::any_of(prefixes, [name](std::string_view prefix) { return name.starts_with(prefix); });
    if (wanted && !name.empty()) found.emplace(static_cast<std::uint32_t>(at), name);
    at += name.size() + 1;
  }
  return found;
}

}  // namespace

const CodeRange* function_of(const GoFunctions& functions, std::string_view name) {
  const auto found = functions.find(std::string(name));
  return found == functions.end() ? nullptr : &found->second;
}

Result<GoFunctions> find_go_functions(const ElfFile& file, std::span<const std::string_view> names,
                                      std::span<const std::string_view> prefixes) {
  const auto sections = file.sections();
  const auto place = find_table(file, sections);
  if (!place) return fail("it has no Go line table");
  Window window(file, place->begin, place->end);
  const auto table = read_header(file, sections, window, place->address);
  if (!table) return std::unexpected(table.error());
  const auto wanted = find_names(window, *table, names, prefixes);
  GoFunctions found;
  Window records(file, place->begin + table->entries, place->end);
  for (std::uint64_t i = 0; i < table->functions && found.size() < wanted.size(); ++i) {
    // entry offset, offset of the record; then the next function's entry, which is this one's end
    const std::byte* entry = window.at(table->entries + i * 8, 12);
    if (entry == nullptr) break;
    std::uint32_t fields[3];
    std::memcpy(fields, entry, sizeof fields);
    const auto name = records.value<std::uint32_t>(std::uint64_t{fields[1]} + 4);
    if (!name) continue;
    const auto hit = wanted.find(*name);
    if (hit == wanted.end() || fields[2] < fields[0]) continue;
    found.emplace(hit->second, CodeRange{table->text + fields[0], fields[2] - fields[0]});
  }
  return found;
}

}  // namespace weft
