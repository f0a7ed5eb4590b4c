// SPDX-License-Identifier: Apache-2.0
// The file side of a listening Unix socket: who may reach it, what may be replaced, what is removed in the end.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace weft {

// Makes the socket's folder (0755) when it is missing and refuses one that others may write to; refuses a path that is
// no socket or at which somebody answers. Afterwards whatever is at `path` may be replaced.
Result<void> prepare_socket_path(const std::string& path);

// A socket is bound under a name of its own and moved into place, so that the place never lacks one that answers.
std::string temporary_socket_path(const std::string& path);

// The socket at `path` from install() on; removes the file in the end, unless it is somebody else's by then.
class SocketFile {
 public:
  static Result<SocketFile> install(const std::string& bound_path, const std::string& path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

 private:
  SocketFile(std::string path, dev_t device, ino_t inode) : path_(std::move(path)), device_(device), inode_(inode) {}
  std::string path_;  // empty: moved from
  dev_t device_;
  ino_t inode_;
};

// Ends the connections that were accepted on the socket bound at `bound_path`, whatever their threads wait for.
void shut_connections_of(const std::string& bound_path);

}  // namespace weft
