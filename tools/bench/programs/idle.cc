// SPDX-License-Identifier: Apache-2.0
// bench_idle PORT: for each number on stdin, that many connections in all are open; each has had one request answered.
#include <sys/resource.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "e2e/apps/http.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  std::vector<std::unique_ptr<weft::app::Connection>> connections;
  std::size_t wanted;
  while (std::scanf("%zu", &wanted) == 1) {
    while (connections.size() < wanted) {
      const int fd = weft::app::connect_to(port);
      if (fd < 0) return 1;
      auto& connection = connections.emplace_back(std::make_unique<weft::app::Connection>(fd));
      if (!connection->write("GET /item/1 HTTP/1.1\r\nHost: localhost\r\n\r\n") || !connection->read_message())
        return 1;
    }
    std::printf("%zu\n", connections.size());
    std::fflush(stdout);
  }
}
