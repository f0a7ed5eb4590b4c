// SPDX-License-Identifier: Apache-2.0
// bench_hop [BACK_PORT]: a server with a thread for each connection. With a back, each request is one call to it over
// the thread's own keep-alive connection. Prints its port.
#include <cstdio>
#include <optional>
#include <thread>

#include "e2e/apps/http.h"

namespace {

constexpr std::string_view kCall = "GET /stock/17 HTTP/1.1\r\nHost: back\r\nUser-Agent: hop/1\r\nAccept: */*\r\n\r\n";

void serve(int fd, std::uint16_t back_port) {
  weft::app::Connection connection(fd);
  std::optional<weft::app::Connection> back;
  if (back_port) back.emplace(weft::app::connect_to(back_port));
  while (connection.read_message()) {
    if (back && !(back->write(kCall) && back->read_message())) return;
    if (!connection.answer("done")) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto back_port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  std::uint16_t port = 0;
  const int listener = weft::app::listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  for (int fd; (fd = weft::app::accept_from(listener)) >= 0;) std::thread(serve, fd, back_port).detach();
}
