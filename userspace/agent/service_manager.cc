// SPDX-License-Identifier: Apache-2.0
#include "agent/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "kernel/unique_fd.h"

namespace weft {
namespace {

// 0: it is not set, or is no number.
std::uint64_t number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  std::uint64_t number = 0;
  if (text) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

}  // namespace

void notify_service_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof address.sun_path) return;
  const std::size_t length = std::strlen(path);
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
}

Watchdog::Watchdog() {
  const std::uint64_t process = number_in_environment("WATCHDOG_PID");  // a parent's environment is inherited
  if (process != 0 && process != static_cast<std::uint64_t>(::getpid())) return;
  pause_ns_ = number_in_environment("WATCHDOG_USEC") * 1000 / 4;
}

void Watchdog::turned(std::uint64_t now_ns) {
  if (pause_ns_ == 0 || now_ns < next_ns_) return;
  next_ns_ = now_ns + pause_ns_;
  notify_service_manager("WATCHDOG=1");
}

}  // namespace weft
