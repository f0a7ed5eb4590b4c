// SPDX-License-Identifier: Apache-2.0
// Requests that begin and end in unusual orders: what is over is forgotten, what lives is named rightly or not at all.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kTrace = "11111111111111111111111111111111", kParent = "2222222222222222";
const std::string kContext = fmt::format("traceparent: 00-{}-{}-01\r\n", kTrace, kParent);
const std::string kOtherTrace = "33333333333333333333333333333333";
const std::string kOtherContext = fmt::format("traceparent: 00-{}-4444444444444444-01\r\n", kOtherTrace);
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void answer(Scene& scene, const std::string& who, const Scene::Taken& taken) {
  CHECK(scene.tell(who, fmt::format("send {}", taken.fd), kOk) == "sent");
}

// The one traceparent of `head` continues this server request.
void continues(const std::string& head, const ReportedRequest& server) {
  const auto values = header(head, "traceparent");
  REQUIRE(values.size() == 1);
  CHECK(values[0].substr(3, 32) == server.trace_id);
  CHECK(values[0].substr(36, 16) != server.span_id);
}

void caused_by(Scene& scene, const std::string& target, const std::string& head, const ReportedRequest& server) {
  const ReportedRequest call = scene.request(target);
  CHECK(call.event.parent_exchange_id == server.event.exchange_id);
  CHECK(call.event.injection == INJECTION_DONE);
  CHECK(call.parent_span_id == server.span_id);
  CHECK(call.trace_id == server.trace_id);
  continues(head, server);
  CHECK(header(head, "traceparent")[0].substr(36, 16) == call.span_id);
}

TEST_CASE("a request that is read after the client's reset ends with the socket") {
  Scene scene;
  scene.trace();
  Scene::Taken taken = scene.accepted("a");
  REQUIRE(send_all(taken.peer.get(), get("/reset", kContext + "baggage: user=ann\r\n")));
  const linger reset{.l_onoff = 1, .l_linger = 0};
  must(setsockopt(taken.peer.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
  taken.peer.reset();
  REQUIRE(scene.tell("a", fmt::format("await_end {}", taken.fd)) == "ended");
  REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
  const ReportedRequest server = scene.request("/reset");
  REQUIRE(scene.findings().live_exchanges == 1);
  REQUIRE(scene.entries("carried") == 1);
  REQUIRE(scene.entries("tasks") == 1);

  CHECK(scene.tell("a", fmt::format("close {}", taken.fd)) == "0");
  CHECK(scene.settles([&] { return scene.findings().live_exchanges == 0; }));
  for (const char* map : {"exchanges", "carried", "texts_small"}) CHECK(scene.map_becomes(map, 0));
  const auto ends = scene.responses(server.event.exchange_id);
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].end == END_CLOSED);

  const std::string later = scene.called("a", get("/later"));
  const ReportedRequest orphan = scene.request("/later");
  CHECK(orphan.event.attribution == ATTRIBUTION_ROOT);
  CHECK(orphan.event.parent_exchange_id == 0);
  REQUIRE(header(later, "traceparent").size() == 1);
  CHECK(orphan.trace_id != kTrace);

  const Scene::Taken next = scene.take("a", get("/next", kOtherContext));
  caused_by(scene, "/of-next", scene.called("a", get("/of-next")), scene.request("/next"));
  answer(scene, "a", next);
  CHECK_FALSE(scene.findings().event_loop);
  CHECK(scene.findings().live_exchanges == 0);
  scene.tell("a", "quit");
  for (const char* map : {"exchanges", "carried", "tasks"}) CHECK(scene.map_becomes(map, 0));
}

TEST_CASE("a thread that did not receive a doubled context does not get to write over it") {
  Scene scene;
  scene.trace();
  const Scene::Taken a = scene.take("a", get("/a", kContext)), b = scene.take("b", get("/b", kContext)),
                     c = scene.take("c", get("/c"));
  const std::string forwarded = get("/from-c", kContext);
  CHECK(scene.called("c", forwarded) == forwarded);
  const ReportedRequest call = scene.request("/from-c");
  CHECK(call.event.injection == INJECTION_AMBIGUOUS);
  CHECK(call.event.attribution == ATTRIBUTION_NONE);
  CHECK(call.event.parent_exchange_id == 0);
  // A thread that did receive it tells which of the two is meant.
  const std::string from_b = scene.called("b", get("/from-b", kContext));
  CHECK(scene.request("/from-b").event.injection == INJECTION_OVERWRITTEN);
  CHECK(scene.request("/from-b").event.parent_exchange_id == scene.request("/b").event.exchange_id);
  continues(from_b, scene.request("/b"));
  // c's own request is continued where nothing is carried.
  caused_by(scene, "/plain-c", scene.called("c", get("/plain-c")), scene.request("/c"));
}

// A head of `bytes`, in which `line` begins at `at`.
std::string long_head(const std::string& target, std::size_t at, const std::string& line, std::size_t bytes = 14500) {
  std::string head = fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n", target);
  const auto fill_to = [&head](std::size_t end) {
    while (head.size() < end) {
      std::size_t n = end - head.size();
      if (n > 600) n = 500;
      head += "X-Fill: " + std::string(n - 10, 'f') + "\r\n";
    }
  };
  fill_to(at);
  head += line;
  fill_to(bytes - 2);
  return head + "\r\n";
}

TEST_CASE("a header that lies behind the kept part of a long head is not doubled") {
  const std::string baggage = "baggage: mine=1\r\n", tracestate = "tracestate: mine=1\r\n";
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/in", kContext + "tracestate: theirs=2\r\nbaggage: theirs=2\r\n"));
  const ReportedRequest server = scene.request("/in");
  const std::string plain = scene.called("a", get("/plain"));
  REQUIRE(header(plain, "baggage").size() == 1);  // there is something that could be added
  REQUIRE(header(plain, "tracestate").size() == 1);
  int n = 0;
  // Around 12 KB, where the kept text may end, around 13 KB, where it does after reads of 1 KB and 4 KB, and further.
  for (const std::size_t at : {12270u, 12289u, 12800u, 13290u, 13305u, 13311u, 13312u, 13320u, 13900u, 14450u}) {
    CAPTURE(at);
    const std::string target = fmt::format("/baggage{}", n), head = long_head(target, at, baggage);
    const std::string got = scene.called("a", head);
    CHECK(header(got, "baggage") == std::vector<std::string>{"mine=1"});
    CHECK(header(got, "tracestate").size() == 1);
    caused_by(scene, target, got, server);

    // tracestate without a traceparent belongs to somebody: nothing is added at all.
    const std::string stated = long_head(fmt::format("/tracestate{}", n), at, tracestate);
    CHECK(scene.called("a", stated) == stated);

    const std::string own = long_head(fmt::format("/own{}", n++), at, kOtherContext);
    CHECK(header(scene.called("a", own), "traceparent").size() == 1);
  }
}

TEST_CASE("request and FIN arrive together: the request is one like any other") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.accepted("a");
  REQUIRE(send_all(taken.peer.get(), get("/fin", kContext)));
  shutdown(taken.peer.get(), SHUT_WR);
  REQUIRE(scene.tell("a", fmt::format("await_end {}", taken.fd)) == "ended");
  REQUIRE(scene.number("a", fmt::format("recv {}", taken.fd)) > 0);
  const ReportedRequest server = scene.request("/fin");
  CHECK(server.event.attribution == ATTRIBUTION_INCOMING);
  CHECK(server.trace_id == kTrace);
  CHECK(server.parent_span_id == kParent);
  caused_by(scene, "/of-fin", scene.called("a", get("/of-fin")), server);
  answer(scene, "a", taken);
  const auto ends = scene.responses(server.event.exchange_id);
  REQUIRE(ends.size() == 1);
  CHECK(ends[0].end == END_COMPLETE);
  CHECK(ends[0].status == 200);
  CHECK(scene.findings().live_exchanges == 0);
}

TEST_CASE("a keep-alive connection from before: its first request is not reported and its calls are no orphans") {
  Scene scene;
  const Scene::Taken old = scene.take("a", get("/before", kContext));
  answer(scene, "a", old);
  scene.trace();
  const auto request = [&](const std::string& head) {
    REQUIRE(send_all(old.peer.get(), head));
    CHECK(scene.number("a", fmt::format("recv {}", old.fd)) == static_cast<int>(head.size()));
  };
  request(get("/first", kContext));
  const std::string call = get("/of-first");
  CHECK(scene.called("a", call) == call);
  CHECK(scene.request("/of-first").event.injection == INJECTION_NO_TASK);
  CHECK(scene.request("/of-first").event.attribution == ATTRIBUTION_NONE);
  answer(scene, "a", old);
  CHECK(scene.reported("/first") == 0);
  // Nothing is served now, and that is known.
  CHECK(header(scene.called("a", get("/orphan")), "traceparent").size() == 1);
  CHECK(scene.request("/orphan").event.attribution == ATTRIBUTION_ROOT);
  for (const std::string target : {"/second", "/third"}) {
    request(get(target, kContext));
    const ReportedRequest server = scene.request(target);
    CHECK(server.event.attribution == ATTRIBUTION_INCOMING);
    CHECK(server.trace_id == kTrace);
    caused_by(scene, target + "-call", scene.called("a", get(target + "-call")), server);
    answer(scene, "a", old);
    REQUIRE(scene.responses(server.event.exchange_id).size() == 1);
    CHECK(scene.responses(server.event.exchange_id)[0].end == END_COMPLETE);
  }
}

TEST_CASE("threads and processes that ended are forgotten") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/a", kContext));
  REQUIRE(scene.entries("tasks") == 1);
  CHECK(scene.tell("a", "threads 300") == "joined");
  CHECK(scene.tell("a", "children 100") == "ended");
  CHECK(scene.map_becomes("tasks", 1));
  CHECK(scene.map_becomes("processes", 1));
  // Threads of a process that ends as a whole, and of one that is let go while they run.
  scene.tell("a", "hold 20");
  scene.tell("main", "fork");
  Scene::Taken of_child{.peer = connect_to(scene.port())};
  of_child.fd = scene.number("child", "x accept");
  REQUIRE(send_all(of_child.peer.get(), get("/child", kContext)));
  CHECK(scene.number("child", fmt::format("x recv {}", of_child.fd)) > 0);
  CHECK(scene.request("/child").trace_id == kTrace);
  scene.tell("child", "x hold 10");
  REQUIRE(scene.map_becomes("tasks", 1 + 20 + 1 + 10));
  REQUIRE(scene.map_becomes("processes", 2));
  scene.untrace();
  CHECK(scene.map_becomes("tasks", 1 + 10));
  CHECK(scene.map_becomes("processes", 1));
  CHECK(scene.tell("child", "main exit") == "child ended");
  CHECK(scene.map_becomes("tasks", 0));
  CHECK(scene.map_becomes("processes", 0));
  for (const char* map : {"exchanges", "carried"}) CHECK(scene.map_becomes(map, 0));
  // Threads in a request at the very end of their process.
  scene.trace();
  const Scene::Taken last = scene.take("b", get("/b", kContext));
  scene.tell("b", "hold 20");
  REQUIRE(scene.map_becomes("tasks", 21));
  scene.end_program();
  for (const char* map : {"tasks", "processes", "exchanges", "carried"}) CHECK(scene.map_becomes(map, 0));
}

// While /now is served by b, a call of main, which serves nothing, is neither an orphan nor anybody's.
void counts_what_is_live(Scene& scene) {
  const Scene::Taken now = scene.take("b", get("/now", kOtherContext));
  CHECK(scene.findings().live_exchanges == 1);
  const std::string call = get("/of-main");
  CHECK(scene.called("main", call) == call);
  CHECK(scene.request("/of-main").event.injection == INJECTION_NO_TASK);
  answer(scene, "b", now);
  CHECK(scene.findings().live_exchanges == 0);
  CHECK(header(scene.called("main", get("/orphan")), "traceparent").size() == 1);
}

TEST_CASE("let go while requests are live and traced again: they are not counted twice") {
  Scene scene;
  scene.trace();
  Scene::Taken old = scene.take("a", get("/old", kContext)), older = scene.take("c", get("/older"));
  REQUIRE(scene.findings().live_exchanges == 2);
  scene.untrace();
  scene.trace();
  answer(scene, "a", old);
  for (const auto& [who, taken] : {std::pair("a", &old), {"c", &older}})
    CHECK(scene.tell(who, fmt::format("close {}", taken->fd)) == "0");
  old.peer.reset();
  older.peer.reset();
  counts_what_is_live(scene);
}

TEST_CASE("traced again while a child holds the old request: its end is not taken off the new count") {
  Scene scene;
  scene.trace();
  Scene::Taken old = scene.take("a", "POST /old HTTP/1.1\r\nContent-Length: 4\r\n" + kContext + "\r\nab");
  scene.tell("main", "fork");
  REQUIRE(send_all(old.peer.get(), "cd"));
  CHECK(scene.number("child", fmt::format("main recv {}", old.fd)) == 2);  // the connection is the child's now
  scene.untrace();
  scene.trace();
  CHECK(scene.tell("child", fmt::format("main send {}", old.fd), kOk) == "sent");
  CHECK(scene.responses(scene.request("/old").event.exchange_id).size() == 1);
  CHECK(scene.tell("child", fmt::format("main close {}", old.fd)) == "0");
  CHECK(scene.tell("main", fmt::format("close {}", old.fd)) == "0");
  old.peer.reset();
  counts_what_is_live(scene);
}

// Each processor numbers its exchanges by itself, and the table's places go by the number: the first ones of the second
// processor are where the first processor's two hundred and fifty-seventh and following are. Of a fresh kernel side,
// that is.
TEST_CASE("a request has its place although many of another processor's lie where it would") {
  unload_shared_kernel();
  Scene scene;
  scene.trace();
  REQUIRE(scene.tell("a", "processor 0") == "staying");
  REQUIRE(scene.tell("b", "processor 1") == "staying");
  std::vector<Scene::Taken> held;
  for (int i = 1; i <= 600; i++) {
    const std::string context = fmt::format("traceparent: 00-{:032x}-{:016x}-01\r\n", i, i);
    held.push_back(scene.take("a", get(fmt::format("/held/{}", i), context)));
    if (i % 64 == 0) scene.requests();  // the ring is emptied
  }
  const Scene::Taken taken = scene.take("b", get("/in", kContext));
  const std::string head = scene.called("b", get("/out"));
  caused_by(scene, "/out", head, scene.request("/in"));
  CHECK(scene.counters().errors.empty());
  answer(scene, "b", taken);
}

TEST_CASE("a quarter of the ring is handed over at a time, in the end all of it") {
  Scene scene;
  scene.trace();
  const std::string line = "x: " + std::string(3000, 'x') + "\r\n";
  constexpr int kCalls = 1000;
  for (int i = 0; i < kCalls; i++) scene.called("main", get(fmt::format("/{}", i), line));
  EventSource& events = scene.kernel().events();
  std::size_t requests = 0, turns = 0;
  const auto count = [&](EventBytes bytes) {
    event_header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    requests += header.type == EVENT_REQUEST;
  };
  do {
    events.drain(count);
    turns++;
    CHECK(events.filled() < EventSource::kMostAtOnce + 0.01);
  } while (events.filled() >= EventSource::kMostAtOnce);
  CHECK(turns > 1);
  CHECK(requests == kCalls);
}

}  // namespace
}  // namespace weft::test
