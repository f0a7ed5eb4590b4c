// SPDX-License-Identifier: Apache-2.0
// Where a function of C begins for a probe.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/elf_file.h"

namespace weft {

// `offset` in the file, or behind the mark that stands there: the kernel emulates the push or the jump that such
// functions often begin with, but not ENDBR64 before it.
inline std::uint64_t function_start(const ElfFile& file, std::uint64_t offset) {
  constexpr std::array kEndbr64 = {std::byte{0xf3}, std::byte{0x0f}, std::byte{0x1e}, std::byte{0xfa}};
  std::array<std::byte, kEndbr64.size()> first{};
  return file.read(offset, first) == first.size() && first == kEndbr64 ? offset + first.size() : offset;
}

}  // namespace weft
