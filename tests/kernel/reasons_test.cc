// SPDX-License-Identifier: Apache-2.0
// Each reason why a request goes out unchanged, and each why a connection is no longer followed, provoked on live
// sockets and read from the counters. Not here: those that other tests provoke (bulk in membership_test, joining in the
// attach test, ambiguous_carried, invalid_carried, instrumented and own_header in lifecycle_test and formats_test,
// those of Kafka and HTTP/2 alone), and those that take chance or a failing kernel: scatter, shared_pages, no_scratch,
// helper_failed, parked_concurrent, parked_limit.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kContext = "traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Client {
  int fd = -1;
  Fd peer;
};

Client connected(Scene& scene, int send_buffer_bytes = 0, bool member = true) {
  Client client{.fd = scene.number("main", fmt::format("connect {} {}", scene.sink(), send_buffer_bytes))};
  client.peer = scene.accept_at_sink();
  if (member) REQUIRE(scene.map_becomes("members", 1));
  return client;
}

void send(Scene& scene, const Client& client, const std::string& text) {
  CHECK(scene.tell("main", fmt::format("send {}", client.fd), text) == "sent");
}

// The request was sent with `reason`, as it was, and is counted once.
void left_alone(Scene& scene, const std::string& target, injection_result result, const std::string& reason,
                const std::string& arrived, const std::string& sent) {
  CAPTURE(reason);
  CHECK(arrived == sent);
  CHECK(scene.request(target).event.injection == result);
  CHECK(scene.counters().injections[{"http", reason}] == 1);
}

std::uint64_t parked(Scene& scene, const std::string& program, const std::string& reason) {
  return scene.counters().errors[{program, "parked_" + reason}];
}

TEST_CASE("not injected: no room in the send buffer") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene, 1);  // the least that the kernel gives
  const std::string request = get("/x", "X-Fill: " + std::string(1200, 'f') + "\r\n");
  send(scene, client, request);
  left_alone(scene, "/x", INJECTION_NO_BUDGET, "no_budget", read_head(client.peer.get()), request);
}

TEST_CASE("not injected: the blank line is cut between two sends") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene);
  const std::string request = get("/x");
  send(scene, client, request.substr(0, request.size() - 1));
  send(scene, client, "\n");
  left_alone(scene, "/x", INJECTION_SPLIT_BLANK_LINE, "split_blank_line", read_head(client.peer.get()), request);
}

TEST_CASE("not injected: a context that was to be replaced has left in part") {
  Scene scene;
  scene.trace();
  const Scene::Taken serving = scene.take("main", get("/in", kContext));
  const Client client = connected(scene);
  const std::string request = get("/x", kContext);
  const std::size_t cut = request.find("1111") + 8;
  send(scene, client, request.substr(0, cut));
  send(scene, client, request.substr(cut));
  left_alone(scene, "/x", INJECTION_SPLIT_HEAD, "split_head", read_head(client.peer.get()), request);
}

TEST_CASE("not injected: the head ends too far inside one send") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene, 200'000);  // room for all of it at once
  std::string lines;
  while (lines.size() < 33'000) lines += "X-Fill: " + std::string(500, 'f') + "\r\n";
  send(scene, client, get("/x", lines));
  left_alone(scene, "/x", INJECTION_TOO_LARGE, "too_large", read_head(client.peer.get()), get("/x", lines));
}

TEST_CASE("injected all the same: a file's bytes, which are copied before") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene);
  CHECK(scene.number("main", fmt::format("sendfile {}", client.fd), get("/x")) == static_cast<int>(get("/x").size()));
  const std::string arrived = read_head(client.peer.get());
  CHECK(scene.request("/x").event.injection == INJECTION_DONE);
  const auto contexts = header(arrived, "traceparent");
  REQUIRE(contexts.size() == 1);
  CHECK(arrived == get("/x", "traceparent: " + contexts[0] + "\r\n"));
}

TEST_CASE("not injected: zero copy") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene);
  CHECK(scene.number("main", fmt::format("zerocopy {}", client.fd), get("/x")) == static_cast<int>(get("/x").size()));
  left_alone(scene, "/x", INJECTION_ZEROCOPY, "zerocopy", read_head(client.peer.get()), get("/x"));
  CHECK(scene.map_becomes("members", 0));
}

TEST_CASE("not injected: never to be enrolled") {
  Scene scene;
  scene.trace({.never_enrol = true});
  const Client client = connected(scene, 0, false);
  send(scene, client, get("/x"));
  left_alone(scene, "/x", INJECTION_NOT_MEMBER, "not_member", read_head(client.peer.get()), get("/x"));
  CHECK(scene.entries("members") == 0);
}

TEST_CASE("not injected: the destination is excluded") {
  KernelOptions options;
  options.propagation.destinations = {{.address = {}, .context = false, .baggage = false}};
  Scene scene(options);
  scene.trace();
  const Client client = connected(scene);
  send(scene, client, get("/x"));
  left_alone(scene, "/x", INJECTION_DESTINATION, "destination", read_head(client.peer.get()), get("/x"));
}

TEST_CASE("not injected: who serves nothing begins no trace, where that is off") {
  Scene scene;
  scene.trace({.orphans_root = false});
  const Client client = connected(scene);
  send(scene, client, get("/x"));
  left_alone(scene, "/x", INJECTION_ORPHANS_OFF, "orphans_off", read_head(client.peer.get()), get("/x"));
}

TEST_CASE("not injected: a server's call that no request is known for") {
  Scene scene;
  scene.trace();
  const Scene::Taken served = scene.take("a", get("/in", kContext));  // another thread serves
  const Client client = connected(scene);
  send(scene, client, get("/x"));
  left_alone(scene, "/x", INJECTION_NO_TASK, "no_task", read_head(client.peer.get()), get("/x"));
}

TEST_CASE("parked: first bytes of no known protocol, received or sent") {
  Scene scene;
  scene.trace();
  scene.take("main", "SSH-2.0-OpenSSH_9.2p1\r\n");
  CHECK(parked(scene, "on_receive", "not_http") == 1);
  const Client client = connected(scene);
  send(scene, client, "SSH-2.0-client\r\n");
  CHECK(parked(scene, "on_message", "not_http") == 1);
  CHECK(scene.map_becomes("members", 0));
  CHECK(read_bytes(client.peer.get(), 16) == 16);
}

TEST_CASE("parked: ambiguous framing, of a request that comes or goes and of an answer") {
  Scene scene;
  scene.trace();
  const std::string two = "Content-Length: 1\r\nContent-Length: 2\r\n";
  Scene::Taken taken = scene.take("main", get("/in", kContext));
  CHECK(scene.tell("main", fmt::format("send {}", taken.fd), kOk) == "sent");
  REQUIRE(send_all(taken.peer.get(), get("/bad", two)));
  scene.tell("main", fmt::format("recv {}", taken.fd));
  CHECK(parked(scene, "on_receive", "bad_framing") == 1);

  const Client client = connected(scene);
  send(scene, client, get("/first"));
  CHECK(!read_head(client.peer.get()).empty());
  REQUIRE(send_all(client.peer.get(), kOk));
  scene.tell("main", fmt::format("recv {}", client.fd));
  send(scene, client, get("/bad", two));
  CHECK(read_head(client.peer.get()) == get("/bad", two));
  CHECK(parked(scene, "on_message", "bad_framing") == 1);
  CHECK(scene.map_becomes("members", 0));

  const Client other = connected(scene);
  send(scene, other, get("/second"));
  CHECK(!read_head(other.peer.get()).empty());
  REQUIRE(send_all(other.peer.get(), "HTTP/1.1 200 OK\r\n" + two + "\r\n"));
  scene.tell("main", fmt::format("recv {}", other.fd));
  CHECK(parked(scene, "on_receive", "bad_framing") == 2);
}

TEST_CASE("parked: another protocol after an upgrade") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene);
  send(scene, client, get("/chat", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  CHECK(!read_head(client.peer.get()).empty());
  const std::string granted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  REQUIRE(send_all(client.peer.get(), granted));
  CHECK(scene.number("main", fmt::format("recv {}", client.fd)) == static_cast<int>(granted.size()));
  // What looks like a request now is none.
  send(scene, client, get("/frame"));
  CHECK(read_head(client.peer.get()) == get("/frame"));
  CHECK(scene.reported("/frame") == 0);
  const auto counters = scene.counters();
  std::uint64_t upgrades = 0;
  for (const auto& [key, n] : counters.errors)
    if (key.reason == "parked_upgrade") upgrades += n;
  CHECK(upgrades >= 1);
}

// The program's socket, in this process, which is not traced.
Fd same_socket(const Scene& scene, int fd) {
  const Fd process(must(static_cast<int>(syscall(SYS_pidfd_open, scene.pid(), 0)), "pidfd_open"));
  return Fd(must(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), fd, 0)), "pidfd_getfd"));
}

TEST_CASE("parked: a member's socket that a process uses which is not traced") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene);
  const Fd mine = same_socket(scene, client.fd);
  REQUIRE(send_all(mine.get(), get("/foreign")));
  CHECK(read_head(client.peer.get()) == get("/foreign"));
  CHECK(parked(scene, "on_message", "foreign_owner") == 1);
  CHECK(scene.map_becomes("members", 0));
  send(scene, client, get("/own"));
  CHECK(read_head(client.peer.get()) == get("/own"));
  CHECK(scene.reported("/foreign") == 0);
}

// The head of a request is taken out of the socket, and the next one is read.
void check_position_lost(void (*take)(Scene&, const Scene::Taken&)) {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("main", get("/in", kContext));
  CHECK(scene.tell("main", fmt::format("send {}", taken.fd), kOk) == "sent");
  REQUIRE(send_all(taken.peer.get(), get("/unseen")));
  take(scene, taken);
  REQUIRE(send_all(taken.peer.get(), get("/next")));
  scene.tell("main", fmt::format("recv {}", taken.fd));
  CHECK(parked(scene, "on_receive", "position_lost") == 1);
  CHECK(scene.reported("/unseen") == 0);
  CHECK(scene.reported("/next") == 0);
}

TEST_CASE("parked: bytes went by that no hook saw: in another process, which is not traced") {
  check_position_lost([](Scene& scene, const Scene::Taken& taken) {
    CHECK(read_head(same_socket(scene, taken.fd).get()) == get("/unseen"));
  });
}

TEST_CASE("parked: bytes went by that no hook saw: spliced") {
  check_position_lost([](Scene& scene, const Scene::Taken& taken) {
    CHECK(scene.number("main", fmt::format("splice_out {}", taken.fd)) == static_cast<int>(get("/unseen").size()));
  });
}

TEST_CASE("parked: a head whose bytes cannot be read") {
  Scene scene;
  scene.trace();
  const std::string request = get("/in", kContext);
  {
    const Scene::Taken taken = scene.accepted("main");
    REQUIRE(send_all(taken.peer.get(), request));
    CHECK(scene.number("main", fmt::format("recvmmsg {} 2 x", taken.fd)) == 1);
    CHECK(parked(scene, "on_receive", "unseen_bytes") == 1);
  }
  int sent_so = 0;
  for (const std::string way : {"sendfile {}", "splice_in {}", "sendmmsg {} 2"}) {
    CAPTURE(way);
    const Scene::Taken taken = scene.take("main", request);
    CHECK(scene.number("main", fmt::format(fmt::runtime(way), taken.fd), kOk) > 0);
    CHECK(read_bytes(taken.peer.get(), kOk.size()) == kOk.size());
    CHECK(parked(scene, "on_send", "unseen_bytes") == ++sent_so);
  }
}

TEST_CASE("read all the same: calls for several messages that are made for one") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.accepted("main");
  REQUIRE(send_all(taken.peer.get(), get("/in", kContext)));
  CHECK(scene.number("main", fmt::format("recvmmsg {} 1 x", taken.fd)) == 1);
  CHECK((scene.request("/in").event.facts & REQUEST_HAS_CONTEXT) != 0);
  CHECK(scene.number("main", fmt::format("sendmmsg {} 1", taken.fd), kOk) == 1);
  CHECK(read_bytes(taken.peer.get(), kOk.size()) == kOk.size());
  const auto answers = scene.responses();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].end == END_COMPLETE);
  for (const char* program : {"on_receive", "on_send"}) CHECK(parked(scene, program, "unseen_bytes") == 0);
}

TEST_CASE("parked: a call that a member cannot make safely") {
  Scene scene;
  scene.trace();
  const Client client = connected(scene);
  scene.tell("main", fmt::format("never_wait {}", client.fd));
  CHECK(scene.number("main", fmt::format("sendmmsg {} 2", client.fd), get("/x")) == 2);
  CHECK(read_head(client.peer.get()).starts_with("GET /x HTTP/1.1\r\n"));
  CHECK(parked(scene, "on_message", "unsafe_call") >= 1);
  CHECK(scene.map_becomes("members", 0));
}

}  // namespace
}  // namespace weft::test
