// SPDX-License-Identifier: Apache-2.0
// The functions of a Go program by name, from its line table: it is there in stripped programs too, because the runtime
// needs it to unwind stacks (runtime/symtab.go, pcHeader; the layouts of Go 1.18 and of 1.20).
//
// Read in windows: a program of 100 MB costs no more memory than a small one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/elf_file.h"

namespace weft {

using GoFunctions = std::map<std::string, CodeRange>;

// The functions named in `names`, and those whose name begins with one of `prefixes`. Absent ones are not in the
// result. `file` outlives nothing.
Result<GoFunctions> find_go_functions(const ElfFile& file, std::span<const std::string_view> names,
                                      std::span<const std::string_view> prefixes = {});

// Null: it is not among them.
const CodeRange* function_of(const GoFunctions& functions, std::string_view name);

}  // namespace weft
