// SPDX-License-Identifier: Apache-2.0
// What may and may not be replaced by the control socket.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

#include "control/unix_socket.h"
#include "unit/control_fake_agent.h"

using namespace weft;
namespace fs = std::filesystem;

namespace {
// A socket file as a killed agent leaves it.
void leave_stale_socket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  close(fd);
}

std::string start_error(FakeDaemon& daemon, const std::string& path) {
  ApiOptions options;
  options.socket_path = path;
  const auto server = ApiServer::start(options, daemon.agent, daemon.store, daemon.routes);
  return server ? "started" : server.error().message;
}
}  // namespace

TEST_CASE("socket: a stale file is replaced, a live one is not") {
  FakeDaemon daemon;
  CHECK(start_error(daemon, daemon.socket) == "control socket: another agent answers at " + daemon.socket);
  CHECK(fs::exists(daemon.socket));
  const std::string stale = daemon.folder + "/stale.sock";
  leave_stale_socket(stale);
  CHECK(start_error(daemon, stale) == "started");
}

TEST_CASE("socket: what is no socket stays") {
  FakeDaemon daemon;
  const std::string file = daemon.folder + "/file";
  std::ofstream(file) << "precious";
  CHECK(start_error(daemon, file) == "control socket: " + file + " exists and is no socket");
  CHECK(fs::file_size(file) == 8);
  fs::create_symlink(file, daemon.folder + "/link");
  CHECK(start_error(daemon, daemon.folder + "/link") ==
        "control socket: " + daemon.folder + "/link exists and is no socket");
  CHECK(start_error(daemon, "weft.sock") == "control socket: 'weft.sock' is no path of a file");
}

TEST_CASE("socket: the folder is made, and one that others may write to is refused") {
  FakeDaemon daemon;
  CHECK(start_error(daemon, daemon.folder + "/new/weft.sock") == "started");
  struct stat facts{};
  REQUIRE(stat((daemon.folder + "/new").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 022) == 0);
  const std::string open = daemon.folder + "/open";
  fs::create_directory(open);
  chmod(open.c_str(), 0777);
  CHECK(start_error(daemon, open + "/weft.sock") ==
        "control socket: others may write to " + open + ": choose another control.socket");
  chmod(open.c_str(), 01777);
  CHECK(start_error(daemon, open + "/weft.sock") == "started");
  CHECK(start_error(daemon, daemon.folder + "/a/b/weft.sock").starts_with("control socket: cannot make "));
}

TEST_CASE("socket: the file of a successor is left alone") {
  FakeDaemon daemon;
  fs::remove(daemon.socket);
  leave_stale_socket(daemon.socket);
  daemon.server.reset();
  CHECK(fs::exists(daemon.socket));
}
