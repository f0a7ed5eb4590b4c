// SPDX-License-Identifier: Apache-2.0
// What is full: the ring of events, the table of requests that are being served, the hash of members. Nothing of it is
// felt by the traffic, all of it is counted, and when there is room again tracing goes on.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "lifecycle_scene.h"
#include "wire/settings.h"

namespace weft::test {
namespace {

constexpr int kPipelined = 8;  // as many unanswered requests of one connection are followed
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string context(int i) { return fmt::format("traceparent: 00-{:032x}-{:016x}-01\r\n", i + 1, i + 1); }

// For the test and the program that it starts.
void many_files() {
  rlimit files{};
  must(getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
  files.rlim_cur = files.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
}

TEST_CASE("overflow: a full ring of events is counted and felt by nobody; behind it everything is reported again") {
  Scene scene({.ring_bytes = 65536});
  scene.trace();
  scene.accepted("main");  // the program's own steps until here
  const Scene::Taken taken = scene.accepted("main");
  constexpr int kRequests = 600;
  for (int i = 0; i < kRequests; i++) {  // nobody reads the ring meanwhile
    const std::string request = get(fmt::format("/{}", i), context(i));
    REQUIRE(send_all(taken.peer.get(), request));
    REQUIRE(scene.number("main", fmt::format("recv {}", taken.fd)) == static_cast<int>(request.size()));
    REQUIRE(scene.tell("main", fmt::format("send {}", taken.fd), kOk) == "sent");
    REQUIRE(read_bytes(taken.peer.get(), kOk.size()) == kOk.size());
  }
  const auto lost = scene.counters().events_lost;
  CHECK(lost > 0);
  const std::size_t told = scene.requests().size() + scene.responses().size();
  CHECK(told > 0);
  CHECK(told + lost >= 2 * kRequests);  // whatever was not told was counted
  const auto before = scene.requests().size();
  REQUIRE(send_all(taken.peer.get(), get("/after", context(7))));
  scene.number("main", fmt::format("recv {}", taken.fd));
  CHECK(scene.requests().size() == before + 1);
  CHECK(scene.reported("/after") == 1);
  CHECK(scene.counters().events_lost == lost);
}

TEST_CASE(
    "overflow: more requests at once than are kept are counted, each is reported, and those after them as before") {
  many_files();
  Scene scene;
  scene.trace();
  constexpr int kConnections = EXCHANGE_PLACES(ID_LANES) / kPipelined + 10;  // however many processors there are
  std::vector<Scene::Taken> all;
  for (int i = 0; i < kConnections; i++) {
    Scene::Taken& taken = all.emplace_back(scene.accepted("main"));
    std::string requests;
    for (int k = 0; k < kPipelined; k++) requests += get("/many", context(i * kPipelined + k));
    REQUIRE(send_all(taken.peer.get(), requests));
    REQUIRE(scene.number("main", fmt::format("recv {}", taken.fd)) == static_cast<int>(requests.size()));
    if (i % 50 == 0) scene.requests();  // the agent's turn
  }
  const auto full = scene.counters().errors[{"on_receive", "map_full"}];
  CHECK(full > 0);
  CHECK(scene.reported("/many") == kConnections * kPipelined);
  CHECK(scene.counters().events_lost == 0);
  for (Scene::Taken& taken : all) {
    std::string answers;
    for (int k = 0; k < kPipelined; k++) answers += kOk;
    REQUIRE(scene.tell("main", fmt::format("send {}", taken.fd), answers) == "sent");
    REQUIRE(read_bytes(taken.peer.get(), answers.size()) == answers.size());
    taken.peer.reset();
    scene.number("main", fmt::format("close {}", taken.fd));
    if (taken.fd % 50 == 0) scene.requests();
  }
  CHECK(scene.responses().size() == static_cast<std::size_t>(kConnections * kPipelined));
  scene.take("main", get("/after", context(1)));
  CHECK(scene.reported("/after") == 1);
  CHECK(scene.counters().errors[{"on_receive", "map_full"}] == full);
}

TEST_CASE("overflow: connections that the hash of members has no room for go out unchanged, later ones are changed") {
  constexpr int kMembers = 64;
  Scene scene({.max_connections = kMembers});
  scene.trace();
  struct Client {
    int fd;
    Fd peer;
  };
  std::vector<Client> clients;
  const auto connect = [&] {
    const int fd = scene.number("main", fmt::format("connect {}", scene.sink()));
    clients.push_back({fd, scene.accept_at_sink()});
  };
  const auto asked = [&](std::size_t i) {
    const std::string request = get(fmt::format("/{}", i));
    CHECK(scene.tell("main", fmt::format("send {}", clients[i].fd), request) == "sent");
    const std::string head = read_head(clients[i].peer.get());
    const auto contexts = header(head, "traceparent");
    if (contexts.empty()) CHECK(head == request);
    REQUIRE(send_all(clients[i].peer.get(), kOk));
    CHECK(scene.number("main", fmt::format("recv {}", clients[i].fd)) == static_cast<int>(kOk.size()));
    return contexts.size();
  };
  for (int i = 0; i < kMembers + 20; i++) connect();
  REQUIRE(scene.map_becomes("members", kMembers));
  std::size_t changed = 0;
  for (std::size_t i = 0; i < clients.size(); i++) changed += asked(i);
  CHECK(changed == kMembers);
  CHECK(scene.counters().errors[{"on_sockops", "enrol_refused"}] >= 20);
  CHECK(scene.requests().size() == clients.size());
  for (const Client& client : clients) scene.number("main", fmt::format("close {}", client.fd));
  clients.clear();
  REQUIRE(scene.map_becomes("members", 0));
  connect();
  REQUIRE(scene.map_becomes("members", 1));
  CHECK(asked(0) == 1);
}

}  // namespace
}  // namespace weft::test
