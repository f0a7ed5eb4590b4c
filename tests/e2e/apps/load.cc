// SPDX-License-Identifier: Apache-2.0
// load PORT REQUESTS CONNECTIONS PIPELINE FIRST_ID: keep-alive requests /work?id=N, each with a traceparent of its own
// whose trace id spells the id (tests/e2e/attribution.py reads it back). Prints {"ok": …, "failed": …}.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "e2e/apps/http.h"

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const unsigned long requests = std::strtoul(argv[2], nullptr, 10), pipeline = std::strtoul(argv[4], nullptr, 10);
  const unsigned long first = std::strtoul(argv[5], nullptr, 10);
  std::atomic<unsigned long> next{0}, ok{0}, failed{0};
  const auto work = [&] {
    weft::app::Connection connection(weft::app::connect_to(port));
    for (unsigned long from; (from = next.fetch_add(pipeline)) < requests;) {
      const unsigned long to = std::min(from + pipeline, requests);
      std::string text;
      for (unsigned long i = from; i < to; i++)
        text += fmt::format(
            "GET /work?id={} HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-7e57{:028x}-00f0{:012x}-01\r\n\r\n",
            first + i, first + i, first + i);
      connection.write(text);
      for (unsigned long i = from; i < to; i++) {
        const auto answer = connection.read_message();
        (answer && answer->start_line() == "HTTP/1.1 200 OK" ? ok : failed)++;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(argv[3]); i++) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  fmt::print("{{\"ok\": {}, \"failed\": {}}}\n", ok.load(), failed.load());
}
