// SPDX-License-Identifier: Apache-2.0
// How exchanges end: once each, in order, with the sizes of their own response.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <tuple>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

void answer(Scene& scene, int fd, const std::string& text) {
  CHECK(scene.tell("a", fmt::format("send {}", fd), text) == "sent");
}

// The only end of the exchange with this target, looked at only when nothing more can come of its connection.
response_event end_of(Scene& scene, const std::string& target) {
  const auto ends = scene.responses(scene.request(target).event.exchange_id);
  CAPTURE(target);
  REQUIRE(ends.size() == 1);
  return ends[0];
}

void ended_without_answer(const response_event& end) {
  CHECK(end.end == END_CLOSED);
  CHECK(end.status == 0);
  CHECK(end.head_bytes == 0);
  CHECK(end.response_body_bytes == 0);
  CHECK(end.first_byte_ns == 0);
}

TEST_CASE("closed without an answer: nothing of the answer before it is reported") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/answered"));
  answer(scene, taken.fd, kHello);
  REQUIRE(send_all(taken.peer.get(), get("/unanswered")));
  CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
  scene.tell("a", fmt::format("close {}", taken.fd));
  CHECK(end_of(scene, "/answered").end == END_COMPLETE);
  CHECK(end_of(scene, "/answered").response_body_bytes == 5);
  ended_without_answer(end_of(scene, "/unanswered"));
  const Scene::Taken fresh = scene.take("a", get("/at-once"));
  scene.tell("a", fmt::format("close {}", fresh.fd));
  ended_without_answer(end_of(scene, "/at-once"));
  CHECK(scene.findings().live_exchanges == 0);
  CHECK(scene.responses().size() == 3);
}

TEST_CASE("a server's response until close is complete, once") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/until-close"));
  answer(scene, taken.fd, "HTTP/1.1 200 OK\r\n\r\nabc");
  answer(scene, taken.fd, "defg");
  CHECK(scene.findings().live_exchanges == 1);
  scene.tell("a", fmt::format("close {}", taken.fd));
  CHECK(scene.findings().live_exchanges == 0);
  CHECK(read_to_end(taken.peer.get()).ends_with("abcdefg"));
  const response_event end = end_of(scene, "/until-close");
  CHECK(end.end == END_COMPLETE);
  CHECK(end.status == 200);
  CHECK(end.response_body_bytes == 7);
  CHECK(scene.responses().size() == 1);
}

// gRPC's C-core hands over up to 260 pieces at once, the kernel takes up to 1,024.
TEST_CASE("calls of many pieces are read to their end") {
  Scene scene;
  scene.trace();
  const Scene::Taken first = scene.take("a", get("/first"));
  answer(scene, first.fd, kHello);
  const std::string third = "/third/" + std::string(700, 'x');
  const std::string requests = get("/second") + get(third) + get("/fourth");
  REQUIRE(send_all(first.peer.get(), requests));
  CHECK(scene.number("a", fmt::format("recvv {} 1 1000", first.fd)) == static_cast<int>(requests.size()));
  const std::string body(850, 'b');
  const std::string answers = kHello + "HTTP/1.1 201 Created\r\nContent-Length: 850\r\n\r\n" + body + kHello;
  CHECK(scene.tell("a", fmt::format("sendv {} 1", first.fd), answers) == fmt::format("{}", answers.size()));
  scene.tell("a", fmt::format("close {}", first.fd));
  for (const auto& [target, status, bytes] : std::initializer_list<std::tuple<std::string, int, unsigned>>{
           {"/second", 200, 5}, {third, 201, 850}, {"/fourth", 200, 5}}) {
    const response_event end = end_of(scene, target);
    CHECK(end.end == END_COMPLETE);
    CHECK(end.status == status);
    CHECK(end.response_body_bytes == bytes);
  }
  CHECK(scene.findings().live_exchanges == 0);
}

TEST_CASE("a response until close that a reset cuts off is not complete") {
  Scene scene;
  scene.trace();
  Scene::Taken taken = scene.take("a", get("/cut"));
  answer(scene, taken.fd, "HTTP/1.1 200 OK\r\n\r\nabc");
  taken.peer.reset();  // with unread bytes: a reset
  CHECK(scene.tell("a", fmt::format("await_end {}", taken.fd)) == "ended");
  scene.tell("a", fmt::format("close {}", taken.fd));
  CHECK(end_of(scene, "/cut").end == END_CLOSED);
  CHECK(scene.findings().live_exchanges == 0);
}

TEST_CASE("a client's response until close is complete, once") {
  Scene scene;
  scene.trace();
  const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
  answer(scene, fd, get("/until-close"));
  {
    const Fd server = scene.accept_at_sink();
    REQUIRE(read_head(server.get()).size() > get("/until-close").size());  // a context of its own was added
    REQUIRE(send_all(server.get(), "HTTP/1.1 200 OK\r\n\r\nabcdefg"));
  }
  CHECK(scene.tell("a", fmt::format("recv_to_end {}", fd)) != "-1");
  scene.tell("a", fmt::format("recv_to_end {}", fd));  // the end is read again
  scene.tell("a", fmt::format("close {}", fd));
  const response_event end = end_of(scene, "/until-close");
  CHECK(end.end == END_COMPLETE);
  CHECK(end.role == ROLE_CLIENT);
  CHECK(end.response_body_bytes == 7);
  CHECK(scene.responses().size() == 1);
}

TEST_CASE("responses before the final one do not end the exchange") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/hints"));
  answer(scene, taken.fd, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  answer(scene, taken.fd, "HTTP/1.1 102 Processing\r\n\r\n");
  CHECK(scene.responses().empty());
  CHECK(scene.findings().live_exchanges == 1);
  answer(scene, taken.fd, kHello);
  CHECK(end_of(scene, "/hints").status == 200);
  CHECK(end_of(scene, "/hints").end == END_COMPLETE);
  CHECK(end_of(scene, "/hints").response_body_bytes == 5);
  scene.tell("a", fmt::format("close {}", taken.fd));
  CHECK(scene.responses().size() == 1);
}

TEST_CASE("responses that have a length and no body end with their head") {
  Scene scene;
  scene.trace();
  const std::string head = "HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n";
  const Scene::Taken taken = scene.take("a", head);
  answer(scene, taken.fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  CHECK(end_of(scene, "/head").end == END_COMPLETE);
  const auto next = [&](const std::string& target, const std::string& response) {
    REQUIRE(send_all(taken.peer.get(), get(target)));
    CHECK(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
    answer(scene, taken.fd, response);
    return end_of(scene, target);
  };
  const response_event unmodified = next("/304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n");
  CHECK(unmodified.end == END_COMPLETE);
  CHECK(unmodified.status == 304);
  CHECK(unmodified.response_body_bytes == 0);
  CHECK(next("/204", "HTTP/1.1 204 No Content\r\n\r\n").end == END_COMPLETE);
  const response_event last = next("/last", kHello);
  CHECK(last.status == 200);
  CHECK(last.response_body_bytes == 5);
  scene.tell("a", fmt::format("close {}", taken.fd));
  CHECK(scene.responses().size() == 4);
  CHECK(scene.findings().live_exchanges == 0);
}

TEST_CASE("pipelined requests end in the order of their arrival") {
  Scene scene;
  scene.trace();
  const std::string ok = "HTTP/1.1 {} OK\r\nContent-Length: 1\r\n\r\nx";
  const Scene::Taken taken = scene.take("a", get("/1") + get("/2") + get("/3") + get("/4"));
  CHECK(scene.findings().live_exchanges == 4);
  answer(scene, taken.fd, fmt::format(fmt::runtime(ok), 201));
  CHECK(scene.findings().live_exchanges == 3);
  answer(scene, taken.fd, fmt::format(fmt::runtime(ok), 202) + fmt::format(fmt::runtime(ok), 203));
  scene.tell("a", fmt::format("close {}", taken.fd));
  const auto ends = scene.responses();
  REQUIRE(ends.size() == 4);
  for (std::size_t i = 0; i < ends.size(); i++) {
    CAPTURE(i);
    CHECK(ends[i].exchange_id == scene.request(fmt::format("/{}", i + 1)).event.exchange_id);
    CHECK(ends[i].status == (i < 3 ? 201 + i : 0));
    CHECK(ends[i].end == (i < 3 ? END_COMPLETE : END_CLOSED));
  }
  CHECK(scene.findings().live_exchanges == 0);
  CHECK_FALSE(scene.findings().event_loop);
}

}  // namespace
}  // namespace weft::test
