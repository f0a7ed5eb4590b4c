// SPDX-License-Identifier: Apache-2.0
// Accepted sockets as members, for the headers of responses: which become one, when, and how they cease to be.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kTrace = "11111111111111111111111111111111";
const std::string kContext = "traceparent: 00-" + kTrace + "-2222222222222222-01\r\n";

KernelOptions both_headers() {
  KernelOptions options;
  options.answer_headers = {.x_trace_id = true, .traceresponse = true};
  return options;
}

std::string answer(const std::string& lines = {}) {
  return fmt::format("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", lines);
}

Scene::Taken accepted(Scene& scene) {
  Scene::Taken taken = scene.accepted("a");
  CHECK(scene.tell("a", fmt::format("never_wait {}", taken.fd)) == "set");
  return taken;
}

void receives(Scene& scene, const Scene::Taken& taken, const std::string& target = "/") {
  const std::string request = get(target, kContext);
  REQUIRE(send_all(taken.peer.get(), request));
  CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) == static_cast<int>(request.size()));
}

// The head of the response as it arrives; its body has to be the one that was sent.
std::string answered(Scene& scene, const Scene::Taken& taken, const std::string& text = answer()) {
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), text) == "sent");
  const std::string head = read_head(taken.peer.get());
  CHECK(read_bytes(taken.peer.get(), 2) == 2);
  return head;
}

// A connection that was put in by the agent, and so shows the next ones what its server is like.
Scene::Taken first_one(Scene& scene) {
  Scene::Taken first = accepted(scene);
  receives(scene, first);
  REQUIRE(scene.map_becomes("answerers", 1));
  return first;
}

TEST_CASE("response headers: by the agent for the first connection, at the handshake for the next") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  const std::string head = answered(scene, first);
  CHECK(header(head, "x-trace-id") == std::vector{kTrace});
  const ReportedRequest request = scene.request("/");
  CHECK(header(head, "traceresponse") == std::vector{fmt::format("00-{}-{}-01", kTrace, request.span_id)});

  const Scene::Taken second = accepted(scene);
  CHECK(scene.map_becomes("answerers", 2));
  receives(scene, second);
  CHECK(header(answered(scene, second), "x-trace-id") == std::vector{kTrace});
}

TEST_CASE("response headers: one that the application has written itself stays alone") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  for (const char* name : {"X-Trace-ID", "x-trace-id"}) {
    const std::string head = answered(scene, first, answer(fmt::format("{}: mine\r\n", name)));
    CHECK(header(head, "x-trace-id") == std::vector<std::string>{"mine"});
    CHECK(header(head, "traceresponse").size() == 1);
    receives(scene, first);
  }
  const std::string both = answer("TraceResponse: mine\r\nA: b\r\nX-TRACE-ID: mine\r\n");
  CHECK(answered(scene, first, both) + "ok" == both);
}

TEST_CASE("response headers: a receive that waits ends it, here and for what is accepted later") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  answered(scene, first);
  const Scene::Taken waiting = scene.accepted("a");
  REQUIRE(scene.map_becomes("answerers", 2));
  receives(scene, waiting);
  CHECK(scene.map_becomes("answerers", 1));
  CHECK(answered(scene, waiting) + "ok" == answer());
  const Scene::Taken later = accepted(scene);
  receives(scene, later);
  CHECK(answered(scene, later) + "ok" == answer());
  CHECK(scene.entries("answerers") == 1);
  receives(scene, first);
  CHECK(header(answered(scene, first), "x-trace-id").size() == 1);
}

TEST_CASE("response headers: a server that speaks first, and one that closes what it has not read") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  answered(scene, first);
  {
    const Scene::Taken unread = accepted(scene);
    REQUIRE(scene.map_becomes("answerers", 2));
    scene.tell("a", fmt::format("close {}", unread.fd));
  }
  CHECK(scene.map_becomes("answerers", 1));
  const Scene::Taken greeted = accepted(scene);
  REQUIRE(scene.map_becomes("answerers", 2));
  CHECK(scene.tell("a", fmt::format("send {}", greeted.fd), "220 hello~") == "sent");
  CHECK(scene.map_becomes("answerers", 1));
  const Scene::Taken later = accepted(scene);
  CHECK(scene.map_becomes("answerers", 2));
}

TEST_CASE("response headers: a process that makes spans of its own") {
  Scene scene(both_headers());
  scene.trace({.instrumented = true});
  const Scene::Taken first = accepted(scene);
  for (int i = 0; i < 3; i++) {
    receives(scene, first, fmt::format("/{}", i));
    CHECK(scene.reported(fmt::format("/{}", i)) == 1);
    CHECK(scene.entries("answerers") == 0);
    CHECK(answered(scene, first) + "ok" == answer());
  }
}

TEST_CASE("response headers: no longer traced, read or not, and traced again") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  answered(scene, first);
  const Scene::Taken unread = accepted(scene);
  REQUIRE(scene.map_becomes("answerers", 2));
  scene.untrace();
  CHECK(scene.entries("answerers") == 0);
  const Scene::Taken later = accepted(scene);
  CHECK(scene.entries("answerers") == 0);

  scene.trace();
  receives(scene, later);
  CHECK(scene.map_becomes("answerers", 1));
  CHECK(header(answered(scene, later), "x-trace-id").size() == 1);
}

TEST_CASE("response headers: what is written into requests changes, and they stay") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  answered(scene, first);
  PropagationOptions nothing;
  nothing.inject.clear();
  REQUIRE(scene.kernel().set_propagation(nothing).has_value());
  CHECK(scene.entries("answerers") == 1);
  receives(scene, first);
  CHECK(header(answered(scene, first), "x-trace-id").size() == 1);
  REQUIRE(scene.kernel().set_propagation({}).has_value());
}

TEST_CASE("response headers: a process that may not have members") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  answered(scene, first);
  scene.trace({.never_enrol = true});
  scene.kernel().release_members(scene.pid());
  CHECK(scene.entries("answerers") == 0);
  receives(scene, first);
  CHECK(answered(scene, first) + "ok" == answer());
  const Scene::Taken later = accepted(scene);
  receives(scene, later);
  CHECK(answered(scene, later) + "ok" == answer());
  CHECK(scene.entries("answerers") == 0);
}

TEST_CASE("response headers: a large response leaves the hash and comes back, eight times") {
  Scene scene(both_headers());
  scene.trace();
  const Scene::Taken first = first_one(scene);
  answered(scene, first);
  for (int i = 0; i < 10; i++) {
    CAPTURE(i);
    receives(scene, first);
    REQUIRE(scene.map_becomes("answerers", i <= 8 ? 1 : 0));
    const std::string large = "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n";
    CHECK(scene.tell("a", fmt::format("send {}", first.fd), large) == "sent");
    CHECK(header(read_head(first.peer.get()), "x-trace-id").size() == (i <= 8 ? 1u : 0u));
    scene.begin("a", fmt::format("fill {} 2000000", first.fd));
    CHECK(read_bytes(first.peer.get(), 2000000) == 2000000);
    CHECK(scene.result() == "sent");
    REQUIRE(scene.map_becomes("answerers", 0));
  }
}

}  // namespace
}  // namespace weft::test
