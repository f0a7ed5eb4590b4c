// SPDX-License-Identifier: Apache-2.0
// A traced program that sends and receives by io_uring: every byte as it was sent, what is not seen is counted, and
// nothing is taken for what it is not.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fstream>
#include <string>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kContext = "traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\n";
const std::string kOtherContext = "traceparent: 00-33333333333333333333333333333333-4444444444444444-01\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::uint64_t parked(Scene& scene, const std::string& program, const std::string& reason) {
  return scene.counters().errors[{program, "parked_" + reason}];
}

void receives_by_ring(Scene& scene, int fd, std::size_t bytes) {
  CHECK(scene.tell("main", fmt::format("ring_receive {}", fd)) == "submitted");
  CHECK(scene.number("main", fmt::format("ring_result {}", fd)) == static_cast<int>(bytes));
}

// The program waits inside this system call.
bool waits_in(Scene& scene, long call) {
  return scene.settles([&] {
    long now = -1;
    std::ifstream(fmt::format("/proc/{}/syscall", scene.pid())) >> now;
    return now == call;
  });
}

TEST_CASE("io_uring: a request whose receive ends while another one waits is not read from the other's memory") {
  Scene scene;
  scene.trace();
  const Scene::Taken other = scene.take("main", get("/first", kContext));
  CHECK(scene.tell("main", fmt::format("send {}", other.fd), kOk) == "sent");
  CHECK(read_head(other.peer.get()).starts_with("HTTP/1.1 200 OK"));
  CHECK(read_bytes(other.peer.get(), 2) == 2);
  const Scene::Taken ring = scene.accepted("main");
  const auto unseen = parked(scene, "on_receive", "unseen_bytes");
  CHECK(scene.tell("main", fmt::format("ring_receive {}", ring.fd)) == "submitted");
  // Whoever waits here still has the first request in its buffer. It is as long as the one that comes meanwhile.
  scene.begin("main", fmt::format("recv {}", other.fd));
  REQUIRE(waits_in(scene, SYS_recvfrom));
  REQUIRE(send_all(ring.peer.get(), get("/inner", kOtherContext)));
  CHECK(scene.settles([&] { return parked(scene, "on_receive", "unseen_bytes") > unseen; }));
  REQUIRE(send_all(other.peer.get(), get("/third", kOtherContext)));
  CHECK(scene.result() == std::to_string(get("/third", kOtherContext).size()));
  CHECK(scene.number("main", fmt::format("ring_result {}", ring.fd)) ==
        static_cast<int>(get("/inner", kOtherContext).size()));
  CHECK(scene.reported("/first") == 1);
  CHECK(scene.reported("/inner") == 0);
  CHECK(scene.reported("/third") == 1);
}

TEST_CASE("io_uring: a request that a server receives so is left alone, and counted") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.accepted("main");
  const auto unseen = parked(scene, "on_receive", "unseen_bytes");
  const std::string request = get("/in", kContext);
  REQUIRE(send_all(taken.peer.get(), request));
  receives_by_ring(scene, taken.fd, request.size());
  CHECK(parked(scene, "on_receive", "unseen_bytes") == unseen + 1);
  CHECK(scene.called("main", get("/call")).find(get("/call").substr(0, 20)) == 0);
  CHECK(scene.request("/call").event.parent_exchange_id == 0);
  CHECK(scene.tell("main", fmt::format("ring_send {}", taken.fd), kOk) == "sent");
  CHECK(read_bytes(taken.peer.get(), kOk.size()) == kOk.size());
  CHECK(scene.reported("/in") == 0);
}

TEST_CASE("io_uring: a body that is received so is followed by its length") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("main", "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n");
  REQUIRE(send_all(taken.peer.get(), std::string(4000, 'b')));
  receives_by_ring(scene, taken.fd, 4000);
  REQUIRE(send_all(taken.peer.get(), std::string(1000, 'b')));
  receives_by_ring(scene, taken.fd, 1000);
  CHECK(scene.tell("main", fmt::format("send {}", taken.fd), kOk) == "sent");
  const auto answers = scene.responses(scene.request("/upload").event.exchange_id);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].end == END_COMPLETE);
}

TEST_CASE("io_uring: an answer that is sent so ends the following of its connection, not of others") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("main", get("/in", kContext));
  const auto unseen = parked(scene, "on_send", "unseen_bytes");
  CHECK(scene.tell("main", fmt::format("ring_send {}", taken.fd), kOk) == "sent");
  CHECK(read_bytes(taken.peer.get(), kOk.size()) == kOk.size());
  CHECK(parked(scene, "on_send", "unseen_bytes") == unseen + 1);
  const auto answers = scene.responses(scene.request("/in").event.exchange_id);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].end == END_LOST);
  // What the thread does from here on is nobody's.
  scene.called("main", get("/call"));
  CHECK(scene.request("/call").event.parent_exchange_id == 0);
  CHECK(scene.take("main", get("/next", kOtherContext)).fd >= 0);
  CHECK(scene.reported("/next") == 1);
}

TEST_CASE("io_uring: a call that is sent so goes out whole, claims no request, and its socket is let go") {
  Scene scene;
  scene.trace();
  const Scene::Taken serving = scene.take("main", get("/in", kContext));
  const int fd = scene.number("main", fmt::format("connect {}", scene.sink()));
  const Fd peer = scene.accept_at_sink();
  REQUIRE(scene.map_becomes("members", 1));
  const auto unsafe = parked(scene, "on_message", "unsafe_call");
  CHECK(scene.tell("main", fmt::format("ring_send {}", fd), get("/first")) == "sent");
  CHECK(read_head(peer.get()) == get("/first"));
  const ReportedRequest call = scene.request("/first");
  CHECK(call.event.parent_exchange_id == 0);
  CHECK(call.event.injection == INJECTION_NO_TASK);
  CHECK(parked(scene, "on_message", "unsafe_call") == unsafe + 1);
  REQUIRE(scene.map_becomes("members", 0));
  // An answer to it that comes so is not read either: the connection is left alone from there on.
  REQUIRE(send_all(peer.get(), kOk));
  receives_by_ring(scene, fd, kOk.size());
  CHECK(scene.tell("main", fmt::format("send {}", fd), get("/second")) == "sent");
  CHECK(read_head(peer.get()) == get("/second"));
  const auto answers = scene.responses(call.event.exchange_id);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].end == END_LOST);
}

TEST_CASE("io_uring: a large request goes out byte for byte") {
  Scene scene;
  scene.trace();
  const int fd = scene.number("main", fmt::format("connect {} 16384", scene.sink()));
  const Fd peer = scene.accept_at_sink();
  REQUIRE(scene.map_becomes("members", 1));
  // Its first call lets the socket go: from then on nothing of what it sends is a member's.
  CHECK(scene.tell("main", fmt::format("ring_send {}", fd), get("/first")) == "sent");
  CHECK(read_head(peer.get()).starts_with("GET /first HTTP/1.1\r\n"));
  REQUIRE(scene.map_becomes("members", 0));
  std::string body;
  for (int i = 0; body.size() < 1'000'000; i++) body += fmt::format("{:09} ", i);
  const std::string request = fmt::format("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.size());
  scene.begin("main", fmt::format("ring_send {}", fd), request + body);
  CHECK(read_head(peer.get()) == request);
  std::string got(body.size(), '\0');
  REQUIRE(recv(peer.get(), got.data(), got.size(), MSG_WAITALL) == static_cast<ssize_t>(got.size()));
  CHECK(got == body);
  CHECK(scene.result() == "sent");
}

}  // namespace
}  // namespace weft::test
