// SPDX-License-Identifier: Apache-2.0
// The files whose code a process has mapped.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/file_id.h"

namespace weft {

struct MappedFile {
  std::string path;  // through which the agent can open it: below the process's root, or its link in map_files
  std::string name;  // without its folder, as the process sees it
  std::optional<FileId> id() const { return file_id(path); }  // nothing: it is gone
};

// Each file once, in the order of the addresses. Nothing: the memory map of the process cannot be read.
std::optional<std::vector<MappedFile>> mapped_files(std::string_view proc_root, pid_t pid);

}  // namespace weft
