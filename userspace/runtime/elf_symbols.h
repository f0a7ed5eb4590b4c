// SPDX-License-Identifier: Apache-2.0
// Functions of an ELF file by name, from its dynamic symbols or those for debuggers. Read in windows: a program of
// 100 MB costs no more memory than a small one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "runtime/elf_file.h"

namespace weft {

// Those that the file defines. `names` are few.
std::map<std::string, CodeRange> find_functions(const ElfFile& file, std::span<const std::string_view> names);

// Where the file is told, when it is loaded, the addresses of the functions of this name that it calls, be they its
// own: a call jumps to a stub that jumps to what stands there.
std::multimap<std::string, std::uint64_t> find_imports(const ElfFile& file, std::span<const std::string_view> names);

}  // namespace weft
