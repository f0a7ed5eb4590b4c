// SPDX-License-Identifier: Apache-2.0
// Two connected TCP sockets of our own on 127.0.0.1, to try mechanisms on. Private to kernel/.
#pragma once

#include "base/result.h"
#include "kernel/unique_fd.h"

namespace weft {

struct SocketPair {
  UniqueFd client, server;
};
Result<SocketPair> loopback_pair();

bool readable_soon(int fd);  // within a second

}  // namespace weft
