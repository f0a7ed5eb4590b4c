// SPDX-License-Identifier: Apache-2.0
// One agent a machine: two would count, enrol and rewrite the same sockets.
#pragma once

#include "base/result.h"
#include "kernel/unique_fd.h"

namespace weft {

// An abstract Unix socket in the network namespace of pid 1, whatever container the agent runs in and wherever its
// control socket lies. Gone with the process. Where that namespace cannot be entered, the agent's own is taken.
class MachineLock {
 public:
  static Result<MachineLock> acquire();

 private:
  explicit MachineLock(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace weft
