// SPDX-License-Identifier: Apache-2.0
// What a service manager is told, on a socket of the test's.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "agent/service_manager.h"

using namespace weft;

namespace {

// NOTIFY_SOCKET and its reader while it lives.
class Manager {
 public:
  explicit Manager(const std::string& path) : path_(path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') address.sun_path[0] = 0;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Manager() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    close(fd_);
    if (path_[0] != '@') unlink(path_.c_str());
  }
  // The next message; "" where there is none.
  std::string told() const {
    char text[64];
    const ssize_t n = recv(fd_, text, sizeof text, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(text, static_cast<std::size_t>(n));
  }

 private:
  const std::string path_;
  const int fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

std::string own(const char* prefix) { return prefix + std::to_string(getpid()); }

constexpr std::uint64_t kStart_ns = 5'000'000'000;

}  // namespace

TEST_CASE("service manager: told at a path, at an abstract address, and nowhere") {
  for (const std::string& path : {own("/tmp/weft-notify-"), own("@weft-notify-")}) {
    CAPTURE(path);
    const Manager manager(path);
    notify_service_manager("READY=1");
    CHECK(manager.told() == "READY=1");
    CHECK(manager.told() == "");
  }
  notify_service_manager("READY=1");  // no manager
  setenv("NOTIFY_SOCKET", std::string(200, '/').c_str(), 1);
  notify_service_manager("READY=1");  // longer than an address
  setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  notify_service_manager("READY=1");
  unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("service manager: the watchdog is told four times in its time, and only of the process that is meant") {
  const Manager manager(own("@weft-watchdog-"));
  setenv("WATCHDOG_USEC", "8000000", 1);
  Watchdog watchdog;
  watchdog.turned(kStart_ns);
  CHECK(manager.told() == "WATCHDOG=1");
  watchdog.turned(kStart_ns + 1'999'999'999);
  CHECK(manager.told() == "");
  watchdog.turned(kStart_ns + 2'000'000'000);
  CHECK(manager.told() == "WATCHDOG=1");

  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  Watchdog().turned(kStart_ns);
  CHECK(manager.told() == "WATCHDOG=1");
  setenv("WATCHDOG_PID", "1", 1);
  Watchdog().turned(kStart_ns);
  CHECK(manager.told() == "");
  unsetenv("WATCHDOG_PID");
  for (const char* odd : {"0", "soon", ""}) {
    setenv("WATCHDOG_USEC", odd, 1);
    Watchdog().turned(kStart_ns);
    CHECK(manager.told() == "");
  }
}
