// SPDX-License-Identifier: Apache-2.0
// What is no HTTP/2, or none any more: from there on a connection is left alone, and not one byte of it changes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "lifecycle_http2.h"
#include "lifecycle_scene.h"

namespace weft::test {
namespace {

std::string frame(std::size_t length, int type, int flags, int stream, const std::string& payload) {
  std::string bytes{static_cast<char>(length >> 16),
                    static_cast<char>(length >> 8),
                    static_cast<char>(length),
                    static_cast<char>(type),
                    static_cast<char>(flags),
                    0,
                    0,
                    0,
                    static_cast<char>(stream)};
  return bytes + payload;
}

const std::vector<std::pair<const char*, std::string>>& breaks() {
  static const std::vector<std::pair<const char*, std::string>> all{
      {"HEADERS on stream 0", frame(6, 1, 5, 0, kRequest.substr(9))},
      {"DATA on stream 0", frame(1, 0, 0, 0, "x")},
      {"more padding than payload", frame(6, 1, 13, 99, "\x06" + kRequest.substr(9, 5))},
      {"a header block that another frame interrupts", frame(3, 1, 1, 99, "\x82\x86\x84") + kSettings},
      {"CONTINUATION of nothing", frame(1, 9, 4, 99, "\x82")},
      {"index 0", frame(7, 1, 5, 99, kRequest.substr(9) + "\x80")},
      {"a literal that goes on behind its block", frame(4, 1, 5, 99, std::string("\x82\0\x7f\x01", 4))},
      {"HTTP/1.1", get("/switched", "X: y\r\n")},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)},
      {"a frame of a type that nobody knows, longer than any is", frame(16385, 77, 0, 0, std::string(16385, 'x'))},
  };
  return all;
}

std::uint64_t parked(Scene& scene) {
  std::uint64_t all = 0;
  for (const auto& [key, count] : scene.counters().errors)
    if (key.reason == "parked_bad_framing") all += count;
  return all;
}

TEST_CASE("HTTP/2: a client that breaks off") {
  Scene scene;
  scene.trace();
  for (const auto& [name, bytes] : breaks()) {
    CAPTURE(std::string(name));
    Call call(scene);
    call.sends(kPreface);
    call.hears(kSettings);
    REQUIRE(call.asks());
    const std::uint64_t before = parked(scene);
    const std::size_t requests = scene.requests().size();
    CHECK(call.sends(bytes) == bytes);
    CHECK(parked(scene) == before + 1);
    for (const std::string& later : {request_on(101), get("/later"), kPreface, request_on(103)}) {
      CHECK(call.sends(later) == later);
      call.hears(answer_on(101));
    }
    CHECK(scene.requests().size() == requests);
    CHECK(parked(scene) == before + 1);
    CHECK(scene.tell("a", fmt::format("close {}", call.fd)) != "");
  }
  CHECK(scene.entries("streams") == 0);
}

TEST_CASE("HTTP/2: a preface that is none in the end") {
  Scene scene;
  scene.trace();
  std::string bytes = kPreface + kRequest;
  bytes[bytes.find("SM")] = 'X';
  Call call(scene);
  CHECK(call.sends(bytes) == bytes);
  call.hears(kSettings);
  CHECK(call.sends(kRequest) == kRequest);
  CHECK(scene.requests().empty());
  CHECK(parked(scene) == 1);
  const Scene::Taken taken = scene.take("a", bytes);
  CHECK(scene.requests().empty());
  CHECK(parked(scene) == 2);
}

// What a preface in pieces looks like, by which parser met it.
std::uint64_t unknown(Scene& scene) {
  std::uint64_t all = parked(scene);
  for (const auto& [key, count] : scene.counters().errors)
    if (key.reason == "parked_not_http") all += count;
  return all;
}

TEST_CASE("HTTP/2: a client's preface in single bytes is known behind the server's settings; else it leaves as it is") {
  Scene scene;
  scene.trace();
  for (const bool settings_first : {false, true}) {
    CAPTURE(settings_first);
    const std::uint64_t before = unknown(scene);
    const std::size_t requests = scene.requests().size();
    Call call(scene);
    if (settings_first) call.hears(kSettings);
    for (const char byte : kPreface) CHECK(call.sends({byte}) == std::string{byte});
    if (!settings_first) call.hears(kSettings);
    for (int i = 0; i < 3; i++) CHECK(call.asks() == settings_first);
    CHECK(scene.requests().size() == requests + (settings_first ? 3 : 0));
    CHECK(unknown(scene) == before + (settings_first ? 0 : 1));
  }
  CHECK(scene.findings().live_exchanges == 0);
}

TEST_CASE("HTTP/2: a preface that a server reads in single bytes is not followed, also where it speaks first") {
  Scene scene;
  scene.trace();
  for (const bool settings_first : {false, true}) {
    CAPTURE(settings_first);
    const std::uint64_t before = unknown(scene);
    Scene::Taken taken = scene.take("a", kPreface.substr(0, 1));
    const auto says = [&](const std::string& bytes) {
      REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), bytes) == "sent");
    };
    const auto arrives = [&](const std::string& bytes) {
      REQUIRE(send_all(taken.peer.get(), bytes));
      CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) == static_cast<int>(bytes.size()));
    };
    if (settings_first) says(kSettings);
    for (const char byte : kPreface.substr(1)) arrives({byte});
    if (!settings_first) says(kSettings);
    for (int stream = 1; stream < 6; stream += 2) {
      arrives(request_on(stream));
      says(answer_on(stream));
    }
    CHECK(unknown(scene) == before + 1);
  }
  CHECK(scene.requests().empty());
  CHECK(scene.responses().empty());
  CHECK(scene.findings().live_exchanges == 0);
  CHECK(scene.entries("streams") == 0);
}

TEST_CASE("HTTP/2: a server whose client breaks off") {
  Scene scene;
  scene.trace();
  for (const auto& [name, bytes] : breaks()) {
    CAPTURE(std::string(name));
    Scene::Taken taken = scene.take("a", kPreface + request_on(1));
    REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), kSettings + answer_on(1)) == "sent");
    const std::uint64_t before = parked(scene);
    const std::size_t requests = scene.requests().size();
    REQUIRE(send_all(taken.peer.get(), bytes));
    REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
    CHECK(parked(scene) == before + 1);
    REQUIRE(send_all(taken.peer.get(), request_on(101)));
    REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
    CHECK(scene.requests().size() == requests);
    CHECK(scene.findings().live_exchanges == 0);
    taken.peer.reset();
    scene.tell("a", fmt::format("close {}", taken.fd));
  }
}

TEST_CASE("HTTP/2: a server that breaks off: what it has been asked ends, what it is asked later goes as it is sent") {
  Scene scene;
  scene.trace();
  for (const auto& [name, bytes] : breaks()) {
    if (std::string_view(name) == "index 0" || std::string_view(name) == "a literal that goes on behind its block")
      continue;  // blocks of answers are for the agent to decode
    CAPTURE(std::string(name));
    Call call(scene);
    call.sends(kPreface);
    call.hears(kSettings);
    REQUIRE(call.asks());
    call.sends(request_on(call.stream += 2));
    const std::uint64_t id = scene.requests().back().event.exchange_id;
    const std::uint64_t before = parked(scene);
    call.hears(bytes);
    CHECK(parked(scene) == before + 1);
    REQUIRE(scene.responses(id).size() == 1);
    CHECK(scene.responses(id)[0].end == END_LOST);
    CHECK(scene.tell("a", fmt::format("close {}", call.fd)) != "");
  }
  CHECK(scene.entries("streams") == 0);
}

}  // namespace
}  // namespace weft::test
