// SPDX-License-Identifier: Apache-2.0
// Streams of HTTP/2 on which nothing moves: they may be silent for as long as they like, or nearly.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>

#include "lifecycle_http2.h"
#include "lifecycle_scene.h"

namespace weft::test {
namespace {

constexpr auto kIdle = std::chrono::milliseconds(50);
constexpr std::uint64_t kIdle_ns = std::chrono::nanoseconds(kIdle).count();
const KernelOptions kShortIdle{.idle_timeout_ns = kIdle_ns};
const KernelOptions kShortStreams{.idle_timeout_ns = kIdle_ns, .stream_timeout_ns = kIdle_ns};

void is_silent(Scene& scene) {
  for (int i = 0; i < 3; i++) {
    std::this_thread::sleep_for(2 * kIdle);
    scene.kernel().sweep();
  }
}

std::string ends(Scene& scene) {
  std::string all;
  for (const response_event& event : scene.responses()) all += fmt::format("{}:{} ", event.stream, event.end);
  return all;
}

// Blocks of requests and of answers by their numbers: what is known of the tables holds as long as none is left out.
std::string block_numbers(Scene& scene) {
  std::string all;
  for (const block_event& block : scene.blocks())
    all += fmt::format("{}{}{} ", block.facts & BLOCK_RESPONSE ? "a" : "r", block.sequence,
                       block.life ? fmt::format("/{}", block.life) : "");
  return all;
}

TEST_CASE("HTTP/2: a client's stream is silent and ends as any other; its connection is what it was") {
  Scene scene(kShortIdle);
  scene.trace();
  Call call(scene);
  call.sends(kPreface);
  call.hears(kSettings);
  REQUIRE(call.asks());
  REQUIRE(call.sends(request_on(call.stream += 2)).find("traceparent") != std::string::npos);
  is_silent(scene);
  CHECK(ends(scene) == fmt::format("1:{} ", END_COMPLETE));
  call.hears(answer_on(3));
  CHECK(ends(scene) == fmt::format("1:{0} 3:{0} ", END_COMPLETE));
  CHECK(call.asks());
  CHECK(block_numbers(scene) == "r1 a1 r2 a2 r3 a3 ");
  CHECK(errors(scene) == "");
}

TEST_CASE("HTTP/2: a server's stream is silent, and the request is served all that time") {
  Scene scene(kShortIdle);
  scene.trace();
  const Scene::Taken taken = scene.take("a", kPreface + request_on(1));
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), kSettings) == "sent");
  is_silent(scene);
  CHECK(ends(scene) == "");
  CHECK(scene.findings().live_exchanges == 1);
  CHECK(header(scene.called("a", get("/call")), "traceparent").size() == 1);
  CHECK(scene.request("/call").event.parent_exchange_id == scene.requests().front().event.exchange_id);
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), answer_on(1)) == "sent");
  CHECK(ends(scene) == fmt::format("0:{} 1:{} ", END_CLOSED, END_COMPLETE));  // that of the call, and its own
  CHECK(scene.findings().live_exchanges == 0);
  CHECK(block_numbers(scene) == "r1 a1 ");
}

TEST_CASE("HTTP/2: a client's stream that is silent for too long is given up; its connection goes on") {
  Scene scene(kShortStreams);
  scene.trace();
  Call call(scene);
  call.sends(kPreface);
  call.hears(kSettings);
  REQUIRE(call.asks());
  call.sends(request_on(call.stream += 2));
  is_silent(scene);
  const std::string given_up = fmt::format("1:{} 3:{} ", END_COMPLETE, END_TIMEOUT);
  CHECK(ends(scene) == given_up);
  call.hears(answer_on(3));  // it belongs to nobody now
  CHECK(ends(scene) == given_up);
  CHECK(call.asks());
  CHECK(ends(scene) == fmt::format("{}5:{} ", given_up, END_COMPLETE));
  CHECK(block_numbers(scene) == "r1 a1 r2 a2 r3 a3 ");
  CHECK(errors(scene) == "");
  CHECK(scene.entries("streams") == 0);
}

TEST_CASE("HTTP/2: a server's stream that is silent for too long is given up, and served no longer") {
  Scene scene(kShortStreams);
  scene.trace();
  const Scene::Taken taken = scene.take("a", kPreface + request_on(1));
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), kSettings) == "sent");
  is_silent(scene);
  CHECK(ends(scene) == fmt::format("1:{} ", END_TIMEOUT));
  CHECK(scene.findings().live_exchanges == 0);
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), answer_on(1)) == "sent");
  REQUIRE(send_all(taken.peer.get(), request_on(3)));
  CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
  CHECK(scene.findings().live_exchanges == 1);
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), answer_on(3)) == "sent");
  CHECK(ends(scene) == fmt::format("1:{} 3:{} ", END_TIMEOUT, END_COMPLETE));
  CHECK(block_numbers(scene) == "r1 a1 r2 a2 ");
}

}  // namespace
}  // namespace weft::test
