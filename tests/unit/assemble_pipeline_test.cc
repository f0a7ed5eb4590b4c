// SPDX-License-Identifier: Apache-2.0
// decode -> correlate -> assemble as one.
#include <doctest/doctest.h>

#include "support/span_fixture.h"

using namespace weft;
using namespace weft::testing;

TEST_CASE("pipeline: hostile records are counted by reason and harm nothing") {
  SpanFixture f;
  f.pipeline.feed({});
  Bytes bad = with_text(server_request(1, 1000), "GET / HTTP/1.1\r\n\r\n");
  bad[offsetof(event_header, type)] = std::byte{77};
  f.pipeline.feed(bad);
  const request_event request = server_request(2, 1000);
  f.span_of(request, "GET / HTTP/1.1\r\n\r\n", response_to(request, 2000));
  const PipelineCounters counters = f.pipeline.counters();
  CHECK(counters.decode.refused[static_cast<std::size_t>(Refusal::too_short)] == 1);
  CHECK(counters.decode.refused[static_cast<std::size_t>(Refusal::unknown_type)] == 1);
  CHECK(counters.decode.refused_total() == 2);
  CHECK(counters.decode.requests == 1);
  CHECK(f.out.size() == 1);
}

TEST_CASE("pipeline: process and socket events go to their handlers") {
  SpanFixture f;
  std::vector<__u32> processes;
  std::vector<__u64> sockets;
  f.pipeline.on_process = [&](const ProcessEvent& event) { processes.push_back(event.fields.tgid); };
  f.pipeline.on_socket = [&](const SocketEvent& event) { sockets.push_back(event.fields.connection_id); };
  f.pipeline.feed(plain(process_change_of(5, PROCESS_EXEC, 9)));
  socket_event socket{};
  socket.header.type = EVENT_SOCKET;
  socket.connection_id = 77;
  socket.request = SOCKET_RELEASE;
  f.pipeline.feed(plain(socket));
  CHECK(processes == std::vector<__u32>{5});
  CHECK(sockets == std::vector<__u64>{77});
}

TEST_CASE("pipeline: everything ends") {
  constexpr std::uint64_t second = 1'000'000'000;
  SpanFixture f({.limits = {.open_ns = 100 * second}});
  f.pipeline.feed(with_text(server_request(1, 1 * second), "GET /timeout HTTP/1.1\r\n\r\n"));
  f.pipeline.feed(with_text(server_request(2, 2 * second, 200), "GET /exit HTTP/1.1\r\n\r\n"));
  f.pipeline.feed(with_text(server_request(3, 90 * second), "GET /flush HTTP/1.1\r\n\r\n"));
  f.pipeline.feed(plain(process_change_of(200, PROCESS_EXIT, 3 * second)));
  const auto at = [&](std::uint64_t seconds) {
    f.clock.unix_time += seconds * second - f.clock.monotonic;
    f.clock.monotonic = seconds * second;
    f.pipeline.sweep();
  };
  at(5);
  REQUIRE(f.out.size() == 1);
  CHECK(f.out[0].span->attributes.text("weft.end") == "exit");
  CHECK(f.out[0].span->attributes.text("error.type") == "process_exit");
  at(102);
  REQUIRE(f.out.size() == 2);
  CHECK(f.out[1].span->attributes.text("weft.end") == "timeout");
  CHECK(f.out[1].span->status == StatusCode::error);
  f.pipeline.flush();
  REQUIRE(f.out.size() == 3);
  CHECK(f.out[2].span->attributes.text("weft.end") == "lost");
  CHECK(f.pipeline.counters().open_exchanges == 0);
}

TEST_CASE("pipeline: what is open is told as far as it is known, and counts nowhere") {
  SpanFixture f({.routes = {.ignored = {"/healthz"}}});
  request_event call = server_request(1, 2000);
  call.protocol = PROTOCOL_HTTP2;
  call.connection_id = 70;
  call.stream = 5;
  call.ids = ids_of(0xb2, 0x12, 0x22);
  f.pipeline.feed(with_text(call, "POST /shop.Stock/Watch HTTP/2.0\r\ncontent-type: application/grpc\r\n\r\n"));
  f.pipeline.feed(with_text(server_request(2, 3000, 200), "GET /users/7 HTTP/1.1\r\nbaggage: a=1\r\n\r\n"));
  request_event unsampled = server_request(3, 4000), nobodys = server_request(4, 4000);
  unsampled.facts &= ~static_cast<__u32>(REQUEST_SAMPLED);
  f.pipeline.feed(with_text(unsampled, "GET /unsampled HTTP/1.1\r\n\r\n"));
  nobodys.role = ROLE_CLIENT;
  nobodys.attribution = ATTRIBUTION_NONE;
  f.pipeline.feed(with_text(nobodys, "GET /nobodys HTTP/1.1\r\n\r\n"));
  f.pipeline.feed(with_text(server_request(5, 4000), "GET /healthz HTTP/1.1\r\n\r\n"));
  const auto any = [](const auto&...) { return true; };
  for (int i = 0; i < 300; i++) {  // more than there is room for routes
    const auto open = f.pipeline.open(any, 10);
    REQUIRE(open.size() == 2);
    CHECK(open[0].span->name == "shop.Stock/Watch");
    CHECK(open[0].span->trace_id.hex() == "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2");
    CHECK(open[0].span->parent_span_id.hex() == "2222222222222222");
    CHECK(open[0].span->resource->service_name == "orders");
    CHECK(open[0].span->start_unix_ns == 1'700'000'000'000'002'000);
    CHECK(open[0].span->end_unix_ns == 0);
    CHECK(open[0].span->status == StatusCode::unset);
    CHECK_FALSE(open[0].span->attributes.find("weft.end"));
    CHECK(open[0].pid == 100);
    CHECK(open[0].begun_ns == 2000);
    CHECK(open[0].connection_id == 70);
    CHECK(open[0].stream == 5);
    CHECK(open[1].span->name == "GET /users/{id}");
    CHECK(open[1].span->attributes.text("http.route") == "/users/{id}");
    CHECK(open[1].span->baggage.size() == 1);
  }
  CHECK(f.pipeline.open(any, 1).size() == 1);
  const auto of_stock = [](const TraceId&, SpanKind kind, const Resource& resource) {
    return kind == SpanKind::server && resource.service_name == "stock";
  };
  REQUIRE(f.pipeline.open(of_stock, 10).size() == 1);
  CHECK(f.pipeline.open(of_stock, 10)[0].span->name == "GET /users/{id}");
  f.processes.with_sdk = 200;
  CHECK(f.pipeline.open(of_stock, 10).empty());
  const PipelineCounters counters = f.pipeline.counters();
  CHECK(counters.assemble.spans + counters.assemble.unsampled + counters.assemble.ignored == 0);
  CHECK(counters.assemble.instrumented + counters.assemble.unattributed == 0);
  CHECK(counters.route_overflows == 0);
  CHECK(f.out.empty());
  // As if nobody had asked: a path that led nowhere is no route.
  f.processes.with_sdk = 0;
  f.pipeline.feed(plain(response_to(server_request(2, 3000, 200), 9000, 404)));
  CHECK(f.out.at(0).span->name == "GET");
  CHECK(f.pipeline.open(any, 10).size() == 1);
}

TEST_CASE("pipeline: a jump of the wall clock moves later spans as a whole") {
  SpanFixture f;
  f.clock.unix_time += 3'600'000'000'000;
  f.pipeline.sweep();
  const request_event request = server_request(1, 5000);
  const Span& span = f.span_of(request, "GET / HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK(span.start_unix_ns == 1'700'003'600'000'005'000);
  CHECK(span.end_unix_ns - span.start_unix_ns == 1000);
  CHECK(f.pipeline.counters().clock_jumps == 1);
}

TEST_CASE("pipeline: routes can be changed while it runs") {
  SpanFixture f;
  f.pipeline.set_routes({.patterns = {"/shop/{name}"}});
  const request_event request = server_request(1, 5000);
  CHECK(f.span_of(request, "GET /shop/ann HTTP/1.1\r\n\r\n", response_to(request, 6000)).name == "GET /shop/{name}");
}

TEST_CASE("pipeline: masking an event first changes nothing of its span") {
  for (const char* head :
       {"GET /users/1?token=x HTTP/1.1\r\nHost: u:p@h\r\nCookie: c\r\nbaggage: a=1;p,b=2\r\ntracestate: x=1\r\n\r\n",
        "POST http://u:p@h:1/p?key=1 HTTP/1.0\r\nX-Tenant: t\r\nHost: h\r\n\r\n", "CONNECT u:p@h:443 HTTP/1.1\r\n\r\n",
        "garbage", "GET /cut?password=abc", "G@T / HTTP/1.1\r\nHost: \xff\r\n\r\n"}) {
    SpanFixture plain_f({.mask = MaskRules({"x-tenant"}, {})}), masked_f({.mask = MaskRules({"x-tenant"}, {})});
    request_event request = server_request(1, 5000);
    request.attribution = ATTRIBUTION_INCOMING;
    Bytes record = with_text(request, head);
    plain_f.pipeline.feed(record);
    REQUIRE(mask_event(record, MaskRules({"x-tenant"}, {})));
    masked_f.pipeline.feed(record);
    plain_f.pipeline.flush();
    masked_f.pipeline.flush();
    const Span &a = *plain_f.out.at(0).span, &b = *masked_f.out.at(0).span;
    CHECK(a.name == b.name);
    CHECK(a.attributes == b.attributes);
    CHECK(a.baggage == b.baggage);
    CHECK(a.trace_state == b.trace_state);
  }
}
