// SPDX-License-Identifier: Apache-2.0
// A request that was not sampled counts in metrics exactly as if both of its events had come in full.
#include <doctest/doctest.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "exporter/prometheus/red_metrics.h"
#include "support/span_fixture.h"

using namespace weft;
using namespace weft::testing;

namespace {

std::string text_of(const RedMetrics& metrics) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, metrics.Collect());
  return out.str();
}

struct Case {
  const char* what;
  request_event request;
  std::string head;
  response_event response;
  bool root = true;
};

struct Both {
  SpanFixture full, short_;
  RedMetrics of_full, of_short;
  Both() {
    short_.pipeline.on_unsampled = [this](const SpanPtr& like, std::uint64_t duration_ns) {
      of_short.observe_unsampled(of_short.request_of(*like), duration_ns);
    };
  }

  void add(const Case& c) {
    request_event request = c.request;
    request.facts &= ~REQUEST_SAMPLED;
    request.trace_flags = 2;
    full.pipeline.feed(with_text(request, c.head));
    full.pipeline.feed(with_text(c.response, {}));
    of_full.observe(*full.out.back().span);
    CHECK_FALSE(full.out.back().record);
    CHECK(full.out.back().unsampled);

    unsampled_event event{};
    event.header = {EVENT_UNSAMPLED, 0, 0, c.response.header.time_ns};
    event.start_ns = request.header.time_ns;
    event.tgid = request.tgid;
    event.status = c.response.status;
    event.end = c.response.end;
    event.role = request.role;
    event.protocol = request.protocol;
    event.facts = static_cast<__u8>(request.facts | (c.root ? UNSAMPLED_ROOT : 0));
    event.peer_port = request.peer_port;
    std::memcpy(event.peer_address, request.peer_address, sizeof event.peer_address);
    std::string text = c.head;
    const auto target_end = text.find(' ', text.find(' ') + 1), query = text.find('?');
    if (request.role == ROLE_SERVER)  // up to the target's end; a long query is cut
      text = text.substr(0, query == std::string::npos ? target_end : std::min(target_end, query + 4));
    else
      text = text.substr(0, text.find('\n', text.find('\n') + 1) + 1);
    short_.pipeline.feed(with_text(event, text));
  }
};

Case server(const char* what, std::string line, __u16 status, std::uint64_t took_ns, __u32 facts = 0) {
  static std::uint64_t number = 1;
  Case c{what, server_request(number++, 1000), line + " HTTP/1.1\r\nHost: shop\r\nUser-Agent: x\r\n\r\n", {}};
  c.request.facts |= facts;
  c.response = response_to(c.request, 1000 + took_ns, status);
  return c;
}

}  // namespace

TEST_CASE("unsampled: metrics are those of the full events") {
  Both both;
  std::vector<Case> cases = {
      server("plain", "GET /orders/12", 200, 3'000'000),
      server("the same again", "GET /orders/13", 200, 70'000'000),
      server("with a query", "GET /orders/12?token=secret&a=b", 200, 1'000'000),
      server("an error", "POST /orders", 503, 2'000'000'000),
      server("nowhere", "GET /nowhere/1", 404, 1000),
      server("HTTP/1.0", "GET /old", 200, 1000, REQUEST_HTTP10),
      server("odd method", "BREW /pot", 418, 1000),
      server("star", "OPTIONS *", 200, 1000),
      server("absolute", "GET http://shop/orders/5", 200, 1000),
  };
  Case closed = server("closed", "GET /orders/14", 0, 1000);
  closed.response.end = END_CLOSED;
  cases.push_back(closed);
  Case stranger = server("a process nobody knows", "GET /x", 200, 1000);
  stranger.request.tgid = stranger.response.tgid = 999;
  cases.push_back(stranger);
  for (const bool root : {true, false}) {
    Case call{"a call",
              client_request(100 + root, 5, 1000),
              "GET /items/3?x HTTP/1.1\r\nHost: stock.example:8443\r\nAccept: a\r\n\r\n",
              {},
              root};
    if (root) std::memset(call.request.ids.parent_span_id, 0, 8);
    call.response = response_to(call.request, 2'000'000, 404);
    cases.push_back(call);
    call.head = "GET /items/3 HTTP/1.1\r\nHost: \r\n\r\n";
    call.request.exchange_id = call.response.exchange_id = 200 + root;
    cases.push_back(call);
  }
  for (const auto& c : cases) {
    CAPTURE(c.what);
    both.add(c);
    REQUIRE(text_of(both.of_full) == text_of(both.of_short));
  }
  CHECK(both.short_.out.empty());
  CHECK(both.short_.pipeline.counters().assemble.unsampled == cases.size());
  const std::string text = text_of(both.of_short);
  CHECK(text.find("secret") == std::string::npos);
  CHECK(text.find("weft_sampling_decisions_total{service=\"orders\",decision=\"unsampled\"} 12") != std::string::npos);
}

TEST_CASE("unsampled: hostile events are refused") {
  SpanFixture f;
  int counted = 0;
  f.pipeline.on_unsampled = [&](const SpanPtr&, std::uint64_t) { counted++; };
  unsampled_event event{};
  event.header.type = EVENT_UNSAMPLED;
  event.role = ROLE_SERVER;
  event.protocol = PROTOCOL_HTTP1;
  Bytes good = with_text(event, "GET /x");
  f.pipeline.feed(good);
  CHECK(counted == 1);
  for (const auto change : std::initializer_list<void (*)(unsampled_event&)>{
           [](unsampled_event& e) { e.role = 0; }, [](unsampled_event& e) { e.role = 9; },
           [](unsampled_event& e) { e.protocol = 0; }, [](unsampled_event& e) { e.end = 77; }}) {
    unsampled_event bad = event;
    change(bad);
    f.pipeline.feed(with_text(bad, "GET /x"));
  }
  Bytes cut = good;
  const __u32 too_long = 7;
  std::memcpy(cut.data() + offsetof(unsampled_event, text_bytes), &too_long, sizeof too_long);
  f.pipeline.feed(cut);
  CHECK(counted == 1);
  CHECK(f.pipeline.counters().decode.refused_total() == 5);
}
