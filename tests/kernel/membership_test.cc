// SPDX-License-Identifier: Apache-2.0
// Client sockets that leave the hash in mid-life and come back: what they send meanwhile and after it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kContext = "traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\n";
const std::string kOtherContext = "traceparent: 00-33333333333333333333333333333333-4444444444444444-01\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// A keep-alive connection of thread "a" to the test.
struct Outgoing {
  int fd = -1;
  Fd server;
};

Outgoing connected(Scene& scene, int send_buffer_bytes = 0) {
  Outgoing out{.fd = scene.number("a", fmt::format("connect {} {}", scene.sink(), send_buffer_bytes))};
  out.server = scene.accept_at_sink();
  REQUIRE(scene.map_becomes("members", 1));
  return out;
}

void send(Scene& scene, const Outgoing& out, const std::string& text) {
  CHECK(scene.tell("a", fmt::format("send {}", out.fd), text) == "sent");
}

void answered(Scene& scene, const Outgoing& out) {
  REQUIRE(send_all(out.server.get(), kOk));
  CHECK(scene.number("a", fmt::format("recv {}", out.fd)) == static_cast<int>(kOk.size()));
}

// One request and its answer: the head as it arrived.
std::string exchanged(Scene& scene, const Outgoing& out, const std::string& request) {
  send(scene, out, request);
  std::string head = read_head(out.server.get());
  answered(scene, out);
  return head;
}

// `head` carries the context that was reported for this request, a child of `server`.
ReportedRequest continues(Scene& scene, const std::string& target, const std::string& head,
                          const ReportedRequest& server, injection_result injection) {
  CAPTURE(target);
  const ReportedRequest call = scene.request(target);
  CHECK(call.event.injection == injection);
  CHECK(call.event.parent_exchange_id == server.event.exchange_id);
  CHECK(call.trace_id == server.trace_id);
  CHECK(call.parent_span_id == server.span_id);
  const auto values = header(head, "traceparent");
  REQUIRE(values.size() == 1);
  CHECK(values[0].substr(3, 32) == call.trace_id);
  CHECK(values[0].substr(36, 16) == call.span_id);
  return call;
}

std::string carrying_head(const std::string& target, std::size_t bytes) {
  std::string head = fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}", target, kContext);
  while (head.size() < bytes) head += "X-Fill: " + std::string(500, 'f') + "\r\n";
  return head;
}

// Thread "a" is done with one request and serves another.
ReportedRequest serves_next(Scene& scene, Scene::Taken& now, const std::string& target) {
  CHECK(scene.tell("a", fmt::format("send {}", now.fd), kOk) == "sent");
  now = scene.take("a", get(target, kOtherContext));
  return scene.request(target);
}

TEST_CASE("let go for want of room in the middle of a head that carries a context") {
  Scene scene;
  scene.trace();
  Scene::Taken serving = scene.take("a", get("/first", kContext));
  const ReportedRequest first = scene.request("/first");
  const Outgoing out = connected(scene, 8192);
  send(scene, out, carrying_head("/in-pieces", 9000));
  REQUIRE(scene.map_becomes("members", 0));
  send(scene, out, "X-Last: 1\r\n\r\n");
  const ReportedRequest in_pieces =
      continues(scene, "/in-pieces", read_head(out.server.get()), first, INJECTION_OVERWRITTEN);

  answered(scene, out);
  REQUIRE(scene.map_becomes("members", 1));
  const ReportedRequest second = serves_next(scene, serving, "/second");
  const std::string carrying = exchanged(scene, out, get("/carrying", kOtherContext));
  CHECK(continues(scene, "/carrying", carrying, second, INJECTION_OVERWRITTEN).span_id != in_pieces.span_id);
  const std::string plain = exchanged(scene, out, get("/plain"));
  CHECK(continues(scene, "/plain", plain, second, INJECTION_DONE).span_id != in_pieces.span_id);
}

TEST_CASE("taken out with its process in the middle of a head that carries a context") {
  Scene scene;
  scene.trace();
  Scene::Taken serving = scene.take("a", get("/first", kContext));
  const ReportedRequest first = scene.request("/first");
  const Outgoing out = connected(scene);
  send(scene, out, carrying_head("/in-pieces", 600));
  scene.kernel().release_members(scene.pid());
  REQUIRE(scene.map_becomes("members", 0));
  send(scene, out, "X-Last: 1\r\n\r\n");
  const ReportedRequest in_pieces =
      continues(scene, "/in-pieces", read_head(out.server.get()), first, INJECTION_OVERWRITTEN);
  answered(scene, out);

  const ReportedRequest second = serves_next(scene, serving, "/second");
  CHECK(exchanged(scene, out, get("/plain")) == get("/plain"));
  const ReportedRequest plain = scene.request("/plain");
  CHECK(plain.event.injection != INJECTION_OVERWRITTEN);
  CHECK(plain.event.parent_exchange_id == second.event.exchange_id);
  CHECK(plain.span_id != in_pieces.span_id);
  CHECK(scene.entries("members") == 0);
}

constexpr std::size_t kUploadBytes = 600'000;
constexpr int kUploadBuffer = 65536;

// Head and body in one call, or the head alone first. Returns the head as it arrived; not answered yet.
std::string uploaded(Scene& scene, const Outgoing& out, const std::string& target, bool at_once) {
  const std::string head = fmt::format("POST {} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", target, kUploadBytes);
  if (at_once) {
    scene.begin("a", fmt::format("send {}", out.fd), head + std::string(kUploadBytes, 'b'));
  } else {
    send(scene, out, head);
    scene.begin("a", fmt::format("fill {} {}", out.fd, kUploadBytes));
  }
  std::string arrived = read_head(out.server.get());
  CHECK(read_bytes(out.server.get(), kUploadBytes) == kUploadBytes);
  CHECK(scene.result() == "sent");
  return arrived;
}

// From the second on; a few more are allowed, should the socket not be taken back at once.
void small_requests_carry_a_context(Scene& scene, const Outgoing& out, const std::string& name,
                                    const ReportedRequest& server) {
  exchanged(scene, out, get(name + "/first"));
  int tries = 0, carried = 0;
  while (carried < 3 && tries < 20) {
    const std::string target = fmt::format("{}/{}", name, tries++), head = exchanged(scene, out, get(target));
    if (header(head, "traceparent").empty()) {
      CHECK(carried == 0);
      scene.requests();  // the agent's turn
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    continues(scene, target, head, server, INJECTION_DONE);
    carried++;
  }
  CHECK(carried == 3);
}

void uploads(Scene& scene) {
  const Scene::Taken serving = scene.take("a", get("/in", kContext));
  const ReportedRequest server = scene.request("/in");
  const Outgoing out = connected(scene, kUploadBuffer);
  for (const bool at_once : {false, true, false}) {
    const std::string name = fmt::format("/{}-{}", at_once ? "once" : "twice", scene.requests().size());
    uploaded(scene, out, name, at_once);
    REQUIRE(scene.map_becomes("members", 0));
    answered(scene, out);
    CHECK(scene.reported(name) == 1);
    small_requests_carry_a_context(scene, out, name, server);
  }
}

TEST_CASE("small requests behind an upload that filled the send buffer carry a context again") {
  Scene scene;
  scene.trace();
  uploads(scene);
}

TEST_CASE("small requests behind an upload carry a context again in another network namespace too") {
  Scene scene;
  scene.trace();
  scene.leave_network("a");
  uploads(scene);
}

TEST_CASE("opened before the tracing began, and used only after it: its requests carry a context from the second on") {
  Scene scene;
  Outgoing out{.fd = scene.number("a", fmt::format("connect {} 0", scene.sink()))};
  out.server = scene.accept_at_sink();
  scene.trace();
  const Scene::Taken serving = scene.take("a", get("/in", kContext));
  small_requests_carry_a_context(scene, out, "/before", scene.request("/in"));
}

TEST_CASE("a sustained sender of bulk is let go for good, and what it asks then is counted so") {
  Scene scene({.bulk_bytes = 1u << 20});
  scene.trace();
  const Scene::Taken serving = scene.take("a", get("/in", kContext));
  const Outgoing out = connected(scene, kUploadBuffer);
  for (int i = 0; i < 6; i++) {
    uploaded(scene, out, fmt::format("/upload-{}", i), false);
    answered(scene, out);
    scene.requests();  // the agent's turn
  }
  for (int i = 0; i < 5; i++) {
    const std::string target = fmt::format("/{}", i);
    CHECK(exchanged(scene, out, get(target)) == get(target));
    CHECK(scene.request(target).event.injection == INJECTION_BULK);
    CHECK(scene.entries("members") == 0);
  }
  CHECK(scene.counters().injections[{"http", "bulk"}] >= 5);
}

TEST_CASE("taken back in the middle of a request: that one is seen to its end, the next ones carry a context") {
  Scene scene;
  scene.trace();
  const Scene::Taken serving = scene.take("a", get("/in", kContext));
  const ReportedRequest server = scene.request("/in");
  const Outgoing out = connected(scene, kUploadBuffer);
  uploaded(scene, out, "/before", false);
  REQUIRE(scene.map_becomes("members", 0));
  answered(scene, out);  // the agent is asked to take it back, and has its turn below
  SUBCASE("in the head") {
    send(scene, out, "GET /native HTTP/1.1\r\nHost: x\r\n");
    REQUIRE(scene.map_becomes("members", 1));
    send(scene, out, "X-Last: 1\r\n\r\n");
    CHECK(read_head(out.server.get()) == get("/native", "X-Last: 1\r\n"));
  }
  SUBCASE("before the body") {
    send(scene, out, "POST /native HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
    REQUIRE(scene.map_becomes("members", 1));
    send(scene, out, "body");
    CHECK(header(read_head(out.server.get()), "traceparent").empty());
    CHECK(read_bytes(out.server.get(), 4) == 4);
  }
  SUBCASE("in one call that sends head and body") {
    const std::string head = fmt::format("POST /native HTTP/1.1\r\nContent-Length: {}\r\n\r\n", kUploadBytes);
    scene.begin("a", fmt::format("send {}", out.fd), head + std::string(kUploadBytes, 'b'));
    CHECK(read_head(out.server.get()) == head);
    REQUIRE(scene.map_becomes("members", 1));
    CHECK(read_bytes(out.server.get(), kUploadBytes) == kUploadBytes);
    CHECK(scene.result() == "sent");
  }
  SUBCASE("before the answer") {
    send(scene, out, get("/native"));
    REQUIRE(scene.map_becomes("members", 1));
    CHECK(read_head(out.server.get()) == get("/native"));
  }
  answered(scene, out);
  CHECK(scene.reported("/native") == 1);
  for (const char* target : {"/1", "/2", "/3"})
    continues(scene, target, exchanged(scene, out, get(target)), server, INJECTION_DONE);
  CHECK(scene.responses(scene.request("/native").event.exchange_id).size() == 1);
}

TEST_CASE("let go for an upload, and never to be enrolled by its end: it stays out") {
  for (const bool at_once : {false, true}) {
    CAPTURE(at_once);
    Scene scene;
    scene.trace();
    const Outgoing out = connected(scene, kUploadBuffer);
    uploaded(scene, out, "/upload", at_once);
    REQUIRE(scene.map_becomes("members", 0));
    scene.trace({.never_enrol = true});
    answered(scene, out);
    for (int i = 0; i < 5; i++) {
      scene.requests();  // the agent's turn
      CHECK(scene.entries("members") == 0);
      const std::string target = fmt::format("/{}", i);
      CHECK(exchanged(scene, out, get(target)) == get(target));
      CHECK(scene.reported(target) == 1);
    }
  }
}

}  // namespace
}  // namespace weft::test
