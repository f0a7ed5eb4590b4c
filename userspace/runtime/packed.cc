// SPDX-License-Identifier: Apache-2.0
#include "runtime/packed.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace weft {
namespace {

constexpr std::size_t kMarkWindow = 4096;  // UPX leaves its mark behind the program headers, and once more at the end

bool has_mark(const ElfFile& file, std::uint64_t offset) {
  std::string bytes(kMarkWindow, '\0');
  bytes.resize(file.read(offset, std::as_writable_bytes(std::span(bytes))));
  return bytes.find("UPX!") != bytes.npos;
}

}  // namespace

std::optional<std::string> hidden_by(const ElfFile& file) {
  const auto sections = file.sections();
  if (!std::ranges::all_of(sections, &std::string::empty, &ElfSection::name)) return std::nullopt;
  const std::uint64_t end = file.bytes() - std::min<std::uint64_t>(file.bytes(), kMarkWindow);
  if (has_mark(file, 0) || has_mark(file, end)) return "it is packed (UPX)";
  return "its file has no sections: it is packed, or damaged";
}

}  // namespace weft
