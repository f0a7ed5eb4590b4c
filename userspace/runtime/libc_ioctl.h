// SPDX-License-Identifier: Apache-2.0
// Where a process's C libraries keep `ioctl`: the place of the probe that notices FIONREAD.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/known_files.h"
#include "runtime/mapped_files.h"

namespace weft {

struct FunctionSite {
  std::string path;          // through which the agent can open the file: PROC/PID/root/… or PROC/PID/map_files/…
  std::uint64_t offset = 0;  // of the function, in the file
  std::uint64_t device = 0;  // with the inode: one probe per file is enough for all who map it
  std::uint64_t inode = 0;
  bool operator==(const FunctionSite&) const = default;
};

struct IoctlSites {
  enum class Outcome : std::uint8_t {
    found,
    no_libc,     // statically linked (Go, musl -static): it asks the kernel directly, no probe can see it
    no_symbol,   // a C library without the symbol
    unreadable,  // gone, or not allowed
  };
  Outcome outcome = Outcome::unreadable;
  std::vector<FunctionSite> sites;  // several where a process maps two libraries
  std::string explanation;          // one sentence unless found
};

// Thread-safe, bounded. Files are read once: the answer is kept by device, inode and modification time.
class LibcIoctlFinder {
 public:
  explicit LibcIoctlFinder(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}
  IoctlSites find(pid_t pid);

 private:
  std::string proc_root_;
  KnownFiles<std::optional<std::uint64_t>> known_{256};
};

// The file name of a C library: glibc's libc.so.6 and libc-2.31.so, musl's libc.musl-ARCH.so.1 and ld-musl-ARCH.so.1.
bool is_libc_name(std::string_view file_name);

}  // namespace weft
