// SPDX-License-Identifier: Apache-2.0
// The files whose code a process has mapped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace weft {

// Device, inode and modification time: what was learned of a file holds while they are the same.
using FileId = std::tuple<std::uint64_t, std::uint64_t, std::int64_t>;

struct MappedFile {
  std::string path;  // through which the agent can open it: below the process's root, or its link in map_files
  std::string name;  // without its folder, as the process sees it
  // Asks the file system; nothing: it is gone.
  std::optional<FileId> id() const;
};

// Each file once, in the order of the addresses. Nothing: the memory map of the process cannot be read.
std::optional<std::vector<MappedFile>> mapped_files(std::string_view proc_root, pid_t pid);

}  // namespace weft
