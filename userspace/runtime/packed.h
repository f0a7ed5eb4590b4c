// SPDX-License-Identifier: Apache-2.0
// Executables that do not show what they are: packed ones, which unpack themselves as they start, and damaged ones.
#pragma once

#include <optional>
#include <string>

#include "runtime/elf_file.h"

namespace weft {

// Why a file cannot be looked into, one sentence. Nothing: it has sections that are called something.
std::optional<std::string> hidden_by(const ElfFile& file);

}  // namespace weft
