// SPDX-License-Identifier: Apache-2.0
// How HTTP/2 connections begin, where either side may speak first and several threads do at once.
#include "lifecycle_http2.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <string>

#include "lifecycle_scene.h"
#include "support/slowness.h"

namespace weft::test {
namespace {

// Emulated processors take turns, and hardly ever meet.
std::size_t connections() { return slowness() > 1 ? 20 : 1000; }

TEST_CASE("HTTP/2: one thread reads the first bytes while another sends the settings") {
  Scene scene;
  scene.trace();
  for (std::size_t i = 0; i < connections(); i++) {
    Scene::Taken taken = scene.accepted("a");
    scene.begin("a", fmt::format("recv_and_greet {} {}", taken.fd, i), kSettings);
    REQUIRE(send_all(taken.peer.get(), kPreface + kRequest));
    REQUIRE(scene.result() == fmt::format("{}", kPreface.size() + kRequest.size()));
    scene.tell("a", fmt::format("close {}", taken.fd));
  }
  CHECK(errors(scene) == "");
  CHECK(scene.requests().size() == connections());
}

TEST_CASE("HTTP/2: one thread reads the server's settings while another sends the preface and a request") {
  Scene scene;
  scene.trace();
  std::size_t with_context = 0;
  for (std::size_t i = 0; i < connections(); i++) {
    const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
    const Fd server = scene.accept_at_sink();
    scene.begin("a", fmt::format("recv_and_greet {} {}", fd, i), kPreface + kRequest);
    REQUIRE(send_all(server.get(), kSettings));
    REQUIRE(scene.result() == fmt::format("{}", kSettings.size()));
    scene.tell("a", fmt::format("close {}", fd));
    with_context += read_to_end(server.get()).find("traceparent") != std::string::npos;
  }
  CHECK(errors(scene) == "");
  CHECK(scene.requests().size() == connections());
  CHECK(with_context == connections());
}

TEST_CASE("HTTP/2: a server that has greeted before it is traced, and a client that speaks after") {
  Scene scene;
  const Scene::Taken taken = scene.accepted("a");
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), "\r\n") == "sent");
  scene.trace();
  REQUIRE(send_all(taken.peer.get(), kPreface + kRequest));
  CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
  CHECK(scene.requests().size() == 1);
  CHECK(errors(scene) == "");
}

// What waits for a connection, or for a stream, is written by the thread that sees it come, whoever has asked for it.
TEST_CASE("HTTP/2: many calls that a thread writes while it works on one request do not make it the one that calls") {
  Scene scene;
  scene.trace();
  const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
  const Fd server = scene.accept_at_sink();
  REQUIRE(scene.tell("a", fmt::format("send {}", fd), kPreface) == "sent");
  REQUIRE(send_all(server.get(), kSettings));
  REQUIRE(scene.number("a", fmt::format("recv {}", fd)) > 0);
  int stream = -1;
  const auto request = [&] {
    std::string block = kRequest;
    stream += 2;
    block[8] = static_cast<char>(stream);
    return block;
  };
  const auto serve = [&](int number, int calls) {
    const Scene::Taken taken = scene.take("a", get(fmt::format("/{}", number)));
    std::string blocks;
    for (int i = 0; i < calls; i++) blocks += request();
    REQUIRE(scene.tell("a", fmt::format("send {}", fd), blocks) == "sent");
    REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") ==
            "sent");
  };
  const auto told = [&] {
    scene.kernel().sweep();
    const ProcessFindings found = scene.findings();
    return fmt::format("{}{}", found.http2_writer ? "one " : "", found.http2_writers ? "several " : "");
  };
  serve(0, 60);
  CHECK(told() == "");
  for (int number = 1; number <= 25; number++) serve(number, 1);
  CHECK(told() == "one ");
  REQUIRE(scene.tell("b", fmt::format("send {}", fd), request()) == "sent");
  CHECK(told() == "one several ");
  scene.tell("a", fmt::format("close {}", fd));
  const std::string came = read_to_end(server.get());
  CHECK(came.find("traceparent") > kPreface.size() + (60 + 18) * kRequest.size());
  std::size_t with_context = 0;
  for (std::size_t at = 0; (at = came.find("traceparent", at)) != std::string::npos; at++) with_context++;
  CHECK(with_context == 8);  // from the twentieth request that the thread has served on, and the orphan of the other
  CHECK(errors(scene) == "");
}

TEST_CASE("HTTP/2: blocks say in which life of a connection they were sent") {
  Scene scene;
  Call call(scene);
  call.sends(kPreface);
  for (int life = 1; life <= 3; life++) {
    scene.trace();
    CHECK_FALSE(call.asks());
    CHECK(call.asks());
    std::string seen;
    for (const block_event& block : scene.blocks())
      if (block.life == life)
        seen += fmt::format("{}{} ", block.facts & BLOCK_RESPONSE ? "answer" : "request", block.sequence);
    CHECK(seen == "request1 answer1 request2 answer2 ");
    scene.untrace();
  }
  CHECK(scene.blocks().size() == 12);
}

// SETTINGS of one (RFC 9113, section 6.5.2).
std::string setting(int which, std::uint32_t value) {
  std::string frame("\0\0\6\4\0\0\0\0\0\0", 10);
  frame += static_cast<char>(which);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(value >> shift);
  return frame;
}

// … with a list of headers of so many bytes at most.
std::string list_limit(std::uint32_t bytes) { return setting(6, bytes); }

// A field of 7,500 bytes, never indexed.
std::string long_field() { return "\x10\1x\x7f\xcd\x39" + std::string(7500, 'v'); }

std::string go_away(int last) {
  std::string frame("\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
  frame[12] = static_cast<char>(last);
  return frame;
}

// Which streams have ended, and how, in this order.
std::string ended(Scene& scene) {
  std::string all;
  for (const response_event& event : scene.responses())
    all += fmt::format("{}:{}/{} ", event.stream, event.end, event.reset_code);
  return all;
}

TEST_CASE("HTTP/2: what a server that goes away has not taken is refused at once") {
  Scene scene;
  scene.trace();
  Call call(scene);
  call.sends(kPreface);
  call.hears(kSettings);
  for (const int stream : {1, 3, 5, 7}) call.sends(request_on(stream));
  call.hears(go_away(0x7f));  // it will, and does not say yet with which
  CHECK(ended(scene).empty());
  call.hears(answer_on(5));
  call.hears(go_away(3));
  CHECK(ended(scene) == fmt::format("5:{}/0 7:{}/7 ", END_COMPLETE, END_RESET));
  call.hears(answer_on(1) + answer_on(3));
  CHECK(ended(scene) == fmt::format("5:{0}/0 7:{1}/7 1:{0}/0 3:{0}/0 ", END_COMPLETE, END_RESET));
  CHECK(errors(scene) == "");
}

TEST_CASE("HTTP/2: of what a traced server has read, it refuses what came too late") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", kPreface + request_on(1) + request_on(3) + request_on(5));
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), kSettings + go_away(1)) == "sent");
  CHECK(ended(scene) == fmt::format("5:{0}/7 3:{0}/7 ", END_RESET));
  CHECK(scene.tell("a", fmt::format("send {}", taken.fd), answer_on(1)) == "sent");
  CHECK(ended(scene) == fmt::format("5:{0}/7 3:{0}/7 1:{1}/0 ", END_RESET, END_COMPLETE));
  CHECK(errors(scene) == "");
}

std::uint32_t became(Scene& scene) { return scene.requests().back().event.injection; }

TEST_CASE("HTTP/2: a context that the peer's limit of headers has no room for is left out") {
  Scene scene;
  scene.trace();
  Call call(scene);
  call.sends(kPreface);
  call.hears(kSettings);
  CHECK(call.asks(long_field()));  // no limit was named
  for (const std::uint32_t limit : {0u, 100u, 8192u}) {
    CAPTURE(limit);
    call.hears(list_limit(limit));
    CHECK_FALSE(call.asks(long_field()));
    CHECK(became(scene) == INJECTION_TOO_LARGE);
    CHECK(call.asks() == (limit == 8192));
  }
  for (const std::uint32_t limit : {16384u, ~0u}) {
    CAPTURE(limit);
    call.hears(list_limit(limit));
    CHECK(call.asks(long_field()));
    CHECK(became(scene) == INJECTION_DONE);
  }
}

TEST_CASE("HTTP/2: a peer that has not named its settings yet is taken to have the limit that servers commonly have") {
  Scene scene;
  scene.trace();
  Call call(scene);
  call.sends(kPreface);
  call.sends(request_on(call.stream += 2, long_field()));
  CHECK(became(scene) == INJECTION_TOO_LARGE);
  CHECK(call.sends(request_on(call.stream += 2)).find("traceparent") != std::string::npos);
  call.hears(std::string("\0\0\0\4\1\0\0\0\0", 9) + answer_on(1));  // an acknowledgement says nothing
  call.sends(request_on(call.stream += 2, long_field()));
  CHECK(became(scene) == INJECTION_TOO_LARGE);
  call.hears(kSettings + answer_on(3));  // they are there, and there is no limit among them
  CHECK(call.asks(long_field()));
  CHECK(became(scene) == INJECTION_DONE);
  CHECK(errors(scene) == "");
}

TEST_CASE("HTTP/2: joined in mid-life, the peer is taken to have named the limit that servers commonly do") {
  Scene scene;
  Call call(scene);
  call.sends(kPreface);
  call.hears(list_limit(8192));
  scene.trace();
  CHECK_FALSE(call.asks());
  CHECK(call.asks());
  CHECK_FALSE(call.asks(long_field()));
  CHECK(became(scene) == INJECTION_TOO_LARGE);
  call.hears(list_limit(65536));
  CHECK(call.asks(long_field()));
}

TEST_CASE("HTTP/2: opened before the tracing and used only after it: its requests carry a context from the second on") {
  Scene scene;
  Call call(scene);
  scene.trace();
  call.sends(kPreface);
  call.hears(kSettings);
  CHECK_FALSE(call.asks());
  CHECK(call.asks());
  CHECK(errors(scene) == "");
}

// A request in one frame of `bytes`.
std::string long_request(int stream, int bytes) {
  const int rest = bytes - 6 - 7;
  std::string field = "\x10\1x\x7f";
  field += static_cast<char>(0x80 | ((rest - 127) & 127));
  field += static_cast<char>(0x80 | ((rest - 127) >> 7 & 127));
  field += static_cast<char>((rest - 127) >> 14);
  return request_on(stream, field + std::string(static_cast<std::size_t>(rest), 'v'));
}

// A server that has sent `settings`, each after some request, reads one in a frame of so many bytes.
std::string server_reads(const std::vector<std::string>& settings, int bytes) {
  Scene scene;
  scene.trace();
  Scene::Taken taken = scene.take("a", kPreface);
  int stream = -1;
  const auto reads = [&](const std::string& request) {
    REQUIRE(send_all(taken.peer.get(), request));
    for (int left = static_cast<int>(request.size()); left > 0;)
      left -= scene.number("a", fmt::format("recv {}", taken.fd));
  };
  for (const std::string& one : settings) {
    CHECK(scene.tell("a", fmt::format("send {}", taken.fd), one) == "sent");
    reads(request_on(stream += 2));
  }
  reads(long_request(stream += 2, bytes));
  CHECK(scene.requests().size() == settings.size() + errors(scene).empty());
  return errors(scene);
}

TEST_CASE("HTTP/2: a header block in a frame that is longer than its reader has ever allowed is none") {
  const std::string parked = "on_receive parked_bad_framing 1\n";
  CHECK(server_reads({}, 16384) == "");
  CHECK(server_reads({}, 16385) == parked);
  CHECK(server_reads({kSettings}, 16385) == parked);
  CHECK(server_reads({setting(5, 20480)}, 20480) == "");
  CHECK(server_reads({setting(5, 20480)}, 20481) == parked);
  CHECK(server_reads({setting(5, 20480), setting(5, 16384)}, 20480) == "");  // who knows when that holds
}

TEST_CASE("HTTP/2: a long header block of a member, and on a connection whose settings were not seen") {
  Scene scene;
  Call before(scene);
  before.sends(kPreface);
  before.hears(kSettings);
  scene.trace();
  CHECK_FALSE(before.asks());
  CHECK(before.asks());
  before.sends(long_request(before.stream += 2, 16385));
  CHECK(errors(scene) == "");

  Call call(scene);
  call.sends(kPreface);
  call.hears(setting(5, 20480));
  call.sends(long_request(call.stream += 2, 20480));
  CHECK(became(scene) == INJECTION_TOO_LARGE);
  call.hears(answer_on(1));
  call.sends(long_request(call.stream += 2, 20481));
  CHECK(errors(scene) == "on_message parked_bad_framing 1\n");
}

}  // namespace
}  // namespace weft::test
