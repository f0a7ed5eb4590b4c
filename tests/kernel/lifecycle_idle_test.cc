// SPDX-License-Identifier: Apache-2.0
// Exchanges on which nothing moves any more, and those that only seem to be such.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

constexpr auto kIdle = std::chrono::milliseconds(50);
const KernelOptions kShortIdle{.idle_timeout_ns = std::chrono::nanoseconds(kIdle).count()};
const std::string kTrace = "11111111111111111111111111111111";
const std::string kContext = fmt::format("traceparent: 00-{}-2222222222222222-01\r\n", kTrace);
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void receive(Scene& scene, const Scene::Taken& taken, const std::string& request) {
  REQUIRE(send_all(taken.peer.get(), request));
  CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) == static_cast<int>(request.size()));
}

void answer(Scene& scene, const Scene::Taken& taken) {
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), kOk) == "sent");
}

void times_out(Scene& scene, const std::string& target) {
  const std::uint64_t id = scene.request(target).event.exchange_id;
  REQUIRE(scene.settles([&] {
    scene.kernel().sweep();
    return !scene.responses(id).empty();
  }));
  const auto ends = scene.responses(id);
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].end == END_TIMEOUT);
  CHECK(ends[0].status == 0);
  CHECK(scene.findings().live_exchanges == 0);
}

// A request may be under way that is not followed: this call of `who` is neither an orphan nor anybody's.
void is_nobodys(Scene& scene, const std::string& who, const std::string& target) {
  CAPTURE(target);
  CHECK(scene.called(who, get(target)) == get(target));
  CHECK(scene.request(target).event.injection == INJECTION_NO_TASK);
  CHECK(scene.request(target).event.attribution == ATTRIBUTION_NONE);
}

void is_orphan(Scene& scene, const std::string& who, const std::string& target) {
  CAPTURE(target);
  CHECK(header(scene.called(who, get(target)), "traceparent").size() == 1);
  CHECK(scene.request(target).event.attribution == ATTRIBUTION_ROOT);
}

void is_followed(Scene& scene, const Scene::Taken& taken, const std::string& target) {
  CAPTURE(target);
  receive(scene, taken, get(target, kContext));
  const ReportedRequest server = scene.request(target);
  CHECK(server.event.attribution == ATTRIBUTION_INCOMING);
  CHECK(server.trace_id == kTrace);
  const std::string head = scene.called("a", get(target + "/call"));
  const ReportedRequest call = scene.request(target + "/call");
  CHECK(call.event.injection == INJECTION_DONE);
  CHECK(call.event.parent_exchange_id == server.event.exchange_id);
  REQUIRE(header(head, "traceparent").size() == 1);
  CHECK(header(head, "traceparent")[0].substr(36, 16) == call.span_id);
  answer(scene, taken);
  REQUIRE(scene.responses(server.event.exchange_id).size() == 1);
  CHECK(scene.responses(server.event.exchange_id)[0].end == END_COMPLETE);
}

TEST_CASE("an idle server exchange times out; its connection is followed again from the second request on") {
  Scene scene(kShortIdle);
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/idle", kContext));
  times_out(scene, "/idle");
  std::this_thread::sleep_for(2 * kIdle);
  scene.kernel().sweep();
  is_nobodys(scene, "a", "/of-idle");  // it is still worked on, for all that is known
  is_nobodys(scene, "b", "/beside-idle");
  answer(scene, taken);
  receive(scene, taken, get("/joining", kContext));
  is_nobodys(scene, "a", "/of-joining");
  answer(scene, taken);
  CHECK(scene.reported("/joining") == 0);
  is_orphan(scene, "a", "/orphan");
  for (const char* target : {"/second", "/third"}) is_followed(scene, taken, target);
  CHECK(scene.findings().live_exchanges == 0);
}

TEST_CASE("an idle server exchange times out and its connection ends: calls are orphans again") {
  Scene scene(kShortIdle);
  scene.trace();
  Scene::Taken taken = scene.take("a", get("/idle", kContext));
  times_out(scene, "/idle");
  is_nobodys(scene, "a", "/of-idle");
  taken.peer.reset();
  scene.tell("a", fmt::format("close {}", taken.fd));
  is_orphan(scene, "a", "/orphan");
}

TEST_CASE("a client exchange times out; its connection carries contexts again from the second request on") {
  Scene scene(kShortIdle);
  scene.trace();
  const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
  const Fd server = scene.accept_at_sink();
  const auto send = [&](const std::string& target) {
    CHECK(scene.tell("a", fmt::format("send {}", fd), get(target)) == "sent");
    return read_head(server.get());
  };
  const auto answered = [&] {
    REQUIRE(send_all(server.get(), kOk));
    CHECK(scene.number("a", fmt::format("recv {}", fd)) == static_cast<int>(kOk.size()));
    scene.requests();  // the agent's turn
  };
  CHECK(header(send("/idle"), "traceparent").size() == 1);
  times_out(scene, "/idle");
  answered();
  CHECK(send("/joining") == get("/joining"));
  answered();
  REQUIRE(scene.map_becomes("members", 1));
  for (const char* target : {"/second", "/third"}) {
    CAPTURE(target);
    const auto values = header(send(target), "traceparent");
    REQUIRE(values.size() == 1);
    CHECK(values[0].substr(36, 16) == scene.request(target).span_id);
    answered();
    REQUIRE(scene.responses(scene.request(target).event.exchange_id).size() == 1);
    CHECK(scene.responses(scene.request(target).event.exchange_id)[0].end == END_COMPLETE);
  }
}

constexpr std::size_t kLongBytes = 16u << 20;  // more than both ends keep

// The program is in one call that sends kLongBytes to `reader`, which takes its time. Nothing ends meanwhile.
void read_slowly(Scene& scene, int reader) {
  std::size_t left = kLongBytes;
  for (int i = 0; i < 3; i++) {
    std::this_thread::sleep_for(3 * kIdle);
    scene.kernel().sweep();
    CHECK(scene.responses().empty());
    left -= read_bytes(reader, 1000);
  }
  CHECK(read_bytes(reader, left) == left);
  CHECK(scene.result() == "sent");
}

TEST_CASE("one long write of a request to a slow reader is not idle") {
  Scene scene(kShortIdle);
  scene.trace();
  const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
  const Fd server = scene.accept_at_sink();
  scene.tell("a", fmt::format("send {}", fd),
             fmt::format("POST /long HTTP/1.1\r\nContent-Length: {}\r\n\r\n", kLongBytes));
  CHECK_FALSE(read_head(server.get()).empty());
  scene.begin("a", fmt::format("fill {} {}", fd, kLongBytes));
  read_slowly(scene, server.get());
  REQUIRE(send_all(server.get(), kOk));
  CHECK(scene.number("a", fmt::format("recv {}", fd)) > 0);
  const auto ends = scene.responses();
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].exchange_id == scene.request("/long").event.exchange_id);
  CHECK(ends[0].end == END_COMPLETE);
  CHECK(ends[0].status == 200);
  CHECK(ends[0].request_body_bytes == kLongBytes);
}

TEST_CASE("one long write of a response to a slow reader is not idle") {
  Scene scene(kShortIdle);
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/long", kContext));
  scene.tell("a", fmt::format("send {}", taken.fd),
             fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kLongBytes));
  CHECK_FALSE(read_head(taken.peer.get()).empty());
  scene.begin("a", fmt::format("fill {} {}", taken.fd, kLongBytes));
  read_slowly(scene, taken.peer.get());
  const auto ends = scene.responses();
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].exchange_id == scene.request("/long").event.exchange_id);
  CHECK(ends[0].end == END_COMPLETE);
  CHECK(ends[0].response_body_bytes == kLongBytes);
  CHECK(scene.findings().live_exchanges == 0);
}

}  // namespace
}  // namespace weft::test
