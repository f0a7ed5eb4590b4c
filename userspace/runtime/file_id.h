// SPDX-License-Identifier: Apache-2.0
// Which file it is, whatever its name.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

namespace weft {

// Device, inode and modification time in ns: what was learned of a file holds while they are the same.
using FileId = std::tuple<std::uint64_t, std::uint64_t, std::int64_t>;

inline FileId file_id(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// Asks the file system; nothing: it is gone.
inline std::optional<FileId> file_id(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return file_id(status);
}

}  // namespace weft
