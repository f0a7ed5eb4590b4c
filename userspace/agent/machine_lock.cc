// SPDX-License-Identifier: Apache-2.0
#include "agent/machine_lock.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <thread>

namespace weft {
namespace {

constexpr std::string_view kName = "weft-agent";

// Sockets belong to the namespace they are made in: a thread of its own enters it and ends.
UniqueFd socket_of_host() {
  UniqueFd made;
  std::thread([&made] {
    const UniqueFd host(::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC));
    if (host && ::setns(host.get(), CLONE_NEWNET) == 0)
      made = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }).join();
  return made;
}

}  // namespace

Result<MachineLock> MachineLock::acquire() {
  UniqueFd socket = socket_of_host();
  if (!socket) socket = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail(std::string("machine lock: ") + std::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, kName.data(), kName.size());
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), bytes) == 0)
    return MachineLock(std::move(socket));
  if (errno == EADDRINUSE) return fail("another weftd runs on this machine: stop it first (weft status shows its pid)");
  return fail(std::string("machine lock: ") + std::strerror(errno));
}

}  // namespace weft
