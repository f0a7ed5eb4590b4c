// SPDX-License-Identifier: Apache-2.0
// The front of grpc_peer: HTTP/1.1 in, gRPC out, from many threads.
#include <cstdio>
#include <thread>
#include <vector>

#include "e2e/apps/grpc_peer/back.h"
#include "e2e/apps/http.h"

namespace weft::app {
namespace {

// What fails with INVALID_ARGUMENT is asked a second time.
constexpr const char* TWICE =
    R"({"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":2,"initialBackoff":"0.005s","maxBackoff":"0.005s",)"
    R"("backoffMultiplier":1,"retryableStatusCodes":["INVALID_ARGUMENT"]}}]})";

std::string ask(Back& back, const Head& request) {
  const std::string id = request.query("id");
  if (request.query("gives_up") == "1") {
    std::thread([&] { back.call("0", "", 0, true); }).join();
    back.call(id, "", 0, true);
  }
  return back.call(id, request.query("work"), std::strtoul(request.query("bytes").c_str(), nullptr, 10));
}

}  // namespace

int front(const Options& options) {
  std::vector<std::unique_ptr<Back>> backs;
  for (long i = 0; i < options.number("channels", 1); i++)
    backs.push_back(std::make_unique<Back>(options.number("back"), options.number("twice") ? TWICE : ""));
  std::uint16_t port = 0;
  const int listener = listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  const auto serve_one = [&](int fd) {
    Connection connection(fd);
    while (const auto request = connection.read_message()) {
      const std::size_t via = std::strtoul(request->query("via").c_str(), nullptr, 10);
      if (!connection.answer(ask(*backs[via % backs.size()], *request))) return;
    }
  };
  for (int fd; (fd = accept_from(listener)) >= 0;) std::thread(serve_one, fd).detach();
  return 0;
}

}  // namespace weft::app
