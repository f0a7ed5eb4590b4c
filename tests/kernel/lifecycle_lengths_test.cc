// SPDX-License-Identifier: Apache-2.0
// A context is written into a head of any length, by whichever way the length allows (lib/message_renew.h).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string head_of(std::size_t bytes) {
  std::string head = fmt::format("GET /{} HTTP/1.1\r\nX: ", bytes);
  REQUIRE(head.size() + 4 <= bytes);
  head.append(bytes - head.size() - 4, 'x');
  return head + "\r\n\r\n";
}

// The context stands in a line of its own before the blank line, and nothing else has changed.
void arrives(const std::string& sent, const std::string& arrived) {
  constexpr std::size_t line_bytes = 70;  // traceparent, and no other
  CAPTURE(sent.size());
  REQUIRE(arrived.size() == sent.size() + line_bytes);
  const std::size_t blank = sent.size() - 2;
  CHECK(arrived.compare(0, blank, sent, 0, blank) == 0);
  CHECK(arrived.compare(blank, 13, "traceparent: ") == 0);
  CHECK(arrived.substr(blank + line_bytes - 2) == "\r\n\r\n");
}

TEST_CASE("a context is written into a head of any length: a page with it, less and more") {
  Scene scene;
  scene.trace();
  const int fd = scene.number("a", fmt::format("connect {} 0", scene.sink()));
  const Fd server = scene.accept_at_sink();
  REQUIRE(scene.map_becomes("members", 1));
  std::vector<std::size_t> lengths;
  for (std::size_t bytes = 40; bytes <= 300; bytes++) lengths.push_back(bytes);
  for (std::size_t pages = 1; pages <= 2; pages++)
    for (std::size_t bytes = 4096 * pages - 140; bytes <= 4096 * pages + 70; bytes++) lengths.push_back(bytes);
  for (const std::size_t bytes : lengths) {
    const std::string head = head_of(bytes);
    REQUIRE(scene.tell("a", fmt::format("send {}", fd), head) == "sent");
    arrives(head, read_head(server.get()));
    REQUIRE(send_all(server.get(), kOk));
    REQUIRE(scene.number("a", fmt::format("recv {}", fd)) == static_cast<int>(kOk.size()));
  }
  KernelCounters counters = scene.counters();
  CHECK(counters.errors[{"on_message", "undo"}] == 0);
  CHECK(counters.errors[{"on_message", "push"}] == 0);
}

}  // namespace
}  // namespace weft::test
