// SPDX-License-Identifier: Apache-2.0
#include "kernel/loopback.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace weft {

Result<SocketPair> loopback_pair() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  SocketPair pair;
  pair.client = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener || !pair.client || ::bind(listener.get(), plain, bytes) || ::listen(listener.get(), 1) ||
      ::getsockname(listener.get(), plain, &bytes) || ::connect(pair.client.get(), plain, bytes))
    return fail(fmt::format("loopback socket: {}", std::strerror(errno)));
  pair.server = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!pair.server) return fail(fmt::format("loopback socket: {}", std::strerror(errno)));
  return pair;
}

bool readable_soon(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, 1000) == 1;
}

}  // namespace weft
