// SPDX-License-Identifier: Apache-2.0
// Reading /proc. Processes come and go while it is read, so "not there" and "not allowed" are ordinary answers here.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

class ProcFiles {
 public:
  explicit ProcFiles(std::string root = "/proc") : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string path(pid_t pid, std::string_view name) const;

  // At most `limit_bytes` of the file; nothing when it cannot be opened or read.
  std::optional<std::string> read(pid_t pid, std::string_view name, std::size_t limit_bytes) const;
  // `error` becomes the errno where there is none.
  std::optional<std::string> link(pid_t pid, std::string_view name, int* error = nullptr) const;

  // Namespace inode of ns/NAME ("net", "pid"); 0 when unreadable.
  std::uint64_t namespace_id(pid_t pid, std::string_view name) const;

  // Every process, with the inode of its directory: while that stays the same it is the same process.
  // False: the directory cannot be read at all.
  bool each_process(const std::function<void(pid_t pid, std::uint64_t inode)>& visit) const;

  // Targets of fd/*; stops when visit returns false.
  void each_fd(pid_t pid, const std::function<bool(std::string_view target)>& visit) const;

 private:
  std::string root_;
};

}  // namespace weft
