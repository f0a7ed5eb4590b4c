// SPDX-License-Identifier: Apache-2.0
// leaf: the last service of every test. Remembers what each call carried; GET /records gives it as JSON lines and
// forgets.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "e2e/apps/http.h"

namespace {

std::mutex records_mutex;
std::string records;

void serve(int fd, std::chrono::milliseconds think) {
  weft::app::Connection connection(fd);
  while (auto request = connection.read_message()) {
    std::string body = "leaf";
    if (request->start_line().starts_with("GET /records ")) {
      std::lock_guard lock(records_mutex);
      body = std::exchange(records, {});
    } else {
      const std::string line = fmt::format(R"({{"id":"{}","call":"{}","traceparent":"{}"}})"
                                           "\n",
                                           request->query("id"), request->query("call"), request->field("traceparent"));
      std::lock_guard lock(records_mutex);
      records += line;
    }
    if (think.count() > 0) std::this_thread::sleep_for(think);
    if (!connection.answer(body)) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::milliseconds think(argc > 1 ? std::atoi(argv[1]) : 0);
  std::uint16_t port = 0;
  const int listener = weft::app::listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  for (int fd; (fd = weft::app::accept_from(listener)) >= 0;) std::thread(serve, fd, think).detach();
}
