// SPDX-License-Identifier: Apache-2.0
// Server spans: names, attributes and status of the HTTP semantic conventions.
#include <doctest/doctest.h>

#include "support/span_fixture.h"

using namespace weft;
using namespace weft::testing;

namespace {

const std::string head =
    "GET /users/123?page=2&token=abc HTTP/1.1\r\nHost: shop.example:8081\r\nUser-Agent: curl/8\r\n\r\n";

Span server_span(const request_event& request, std::string_view text, const response_event& response) {
  SpanFixture f;
  return f.span_of(request, text, response);
}
Span server_span(std::string_view text, __u16 status = 200) {
  const request_event request = server_request(1, 5000);
  return server_span(request, text, response_to(request, 7500, status));
}
Span ended(end_reason end, __u16 status) {
  const request_event request = server_request(1, 5000);
  response_event response = response_to(request, 7500, status);
  response.end = end;
  return server_span(request, head, response);
}

}  // namespace

TEST_CASE("server span: all of it") {
  const request_event request = server_request(1, 5000);
  response_event response = response_to(request, 7500, 200);
  response.request_body_bytes = 12;
  response.response_body_bytes = 345;
  const Span span = server_span(request, head, response);
  CHECK(span.kind == SpanKind::server);
  CHECK(span.name == "GET /users/{id}");
  CHECK(span.trace_id.hex() == "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1");
  CHECK(span.span_id.hex() == "0101010101010101");
  CHECK_FALSE(span.parent_span_id.valid());
  CHECK_FALSE(span.parent_is_remote);
  CHECK(span.flags == 1);
  CHECK(span.start_unix_ns == 1'700'000'000'000'005'000);
  CHECK(span.end_unix_ns == 1'700'000'000'000'007'500);
  CHECK(span.status == StatusCode::unset);
  CHECK(span.resource->service_name == "orders");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"http.request.method", "GET"},
      {"url.path", "/users/123"},
      {"url.scheme", "http"},
      {"url.query", "page=2&token=REDACTED"},
      {"http.route", "/users/{id}"},
      {"server.address", "shop.example"},
      {"server.port", "8081"},
      {"client.address", "10.0.0.9"},
      {"user_agent.original", "curl/8"},
      {"http.response.status_code", "200"},
      {"network.peer.address", "10.0.0.9"},
      {"network.protocol.version", "1.1"},
      {"network.peer.port", "40000"},
      {"http.request.body.size", "12"},
      {"http.response.body.size", "345"},
  };
  REQUIRE(span.attributes.items.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); i++) {
    CHECK(span.attributes.items[i].first == expected[i].first);
    CHECK(to_text(span.attributes.items[i].second) == expected[i].second);
  }
  CHECK(std::holds_alternative<std::int64_t>(*span.attributes.find("http.response.status_code")));
}

TEST_CASE("server span: status is Error only for 5xx") {
  for (const __u16 status : {200, 302, 400, 404, 499}) {
    const Span span = server_span(head, status);
    CHECK(span.status == StatusCode::unset);
    CHECK(span.attributes.find("error.type") == nullptr);
  }
  for (const __u16 status : {500, 503, 599}) {
    const Span span = server_span(head, status);
    CHECK(span.status == StatusCode::error);
    CHECK(span.attributes.text("error.type") == std::to_string(status));
    CHECK(span.status_message.empty());
  }
}

TEST_CASE("server span: every way to end is marked") {
  const struct {
    end_reason end;
    __u16 status;
    const char *error_type, *weft_end;
  } cases[] = {{END_COMPLETE, 200, "", ""},
               {END_CLOSED, 0, "connection_closed", "closed"},
               {END_CLOSED, 200, "connection_closed", "closed"},
               {END_CLOSED, 500, "500", "closed"},
               {END_TIMEOUT, 0, "timeout", "timeout"},
               {END_EXIT, 0, "process_exit", "exit"},
               {END_LOST, 0, "", "lost"},
               {END_UPGRADED, 101, "", "upgraded"}};
  for (const auto& c : cases) {
    const Span span = ended(c.end, c.status);
    CHECK(span.attributes.text("error.type") == c.error_type);
    CHECK(span.attributes.text("weft.end") == c.weft_end);
    CHECK((span.status == StatusCode::error) == (std::string_view(c.error_type) != ""));
    CHECK((span.attributes.find("http.response.status_code") != nullptr) == (c.status != 0));
  }
}

TEST_CASE("server span: unknown methods") {
  const Span span = server_span("PROPFIND /x HTTP/1.1\r\n\r\n");
  CHECK(span.name == "HTTP /x");
  CHECK(span.attributes.text("http.request.method") == "_OTHER");
  CHECK(span.attributes.text("http.request.method_original") == "PROPFIND");
  CHECK(server_span("get /x HTTP/1.1\r\n\r\n").attributes.text("http.request.method") == "_OTHER");
}

TEST_CASE("server span: where server.address comes from") {
  CHECK(server_span("GET / HTTP/1.1\r\nHost: a\r\n\r\n").attributes.text("server.port") == "80");
  Span span = server_span("GET / HTTP/1.0\r\n\r\n");
  CHECK(span.attributes.text("server.address") == "10.0.0.1");
  CHECK(span.attributes.text("server.port") == "8080");
  span = server_span("GET http://other:99/p HTTP/1.1\r\nHost: a\r\n\r\n");  // RFC 9112 section 3.2.2
  CHECK(span.attributes.text("server.address") == "other");
  CHECK(span.attributes.text("server.port") == "99");
  CHECK(span.attributes.text("url.path") == "/p");
  span = server_span("GET / HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n\r\n");
  CHECK(span.attributes.text("server.address") == "2001:db8::1");
}

TEST_CASE("server span: context, tracestate and baggage of the message") {
  request_event request = server_request(1, 5000);
  request.attribution = ATTRIBUTION_INCOMING;
  request.facts |= REQUEST_HAS_CONTEXT;
  request.ids = ids_of(0xBB, 1, 0xCC);
  const Span span = server_span(request,
                                "GET / HTTP/1.1\r\ntracestate: a=1\r\nTraceState: b=2 , \r\nbaggage: k=v;p\r\n"
                                "baggage: l=w\r\n\r\n",
                                response_to(request, 6000));
  CHECK(span.parent_span_id.hex() == "cccccccccccccccc");
  CHECK(span.parent_is_remote);
  CHECK(span.trace_state == "a=1,b=2");
  REQUIRE(span.baggage.size() == 2);
  CHECK(span.baggage[0] == std::pair<std::string, std::string>("k", ""));
  CHECK(span.baggage[1].first == "l");
  CHECK(span.links.empty());
}

TEST_CASE("server span: a context that was not taken gives no tracestate; a valid one that was not trusted a link") {
  const std::string text =
      "GET / HTTP/1.1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: "
      "a=1\r\n\r\n";
  request_event request = server_request(1, 5000);
  request.facts |= REQUEST_HAS_CONTEXT;
  Span span = server_span(request, text, response_to(request, 6000));
  CHECK(span.trace_state.empty());
  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(span.links[0].span_id.hex() == "b7ad6b7169203331");
  request.facts |= REQUEST_INVALID_CONTEXT;
  CHECK(server_span(request, text, response_to(request, 6000)).links.empty());
}

TEST_CASE("server span: contexts in other formats") {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c", span_id = "b7ad6b7169203331";
  request_event request = server_request(1, 5000);
  request.facts |= REQUEST_HAS_CONTEXT;
  const auto made = [&](const std::string& lines) {
    return server_span(request, "GET / HTTP/1.1\r\n" + lines + "\r\n", response_to(request, 6000));
  };
  // Not trusted: a link, whatever the format.
  for (const std::string& lines :
       {"b3: " + trace + "-" + span_id + "-1\r\n", "X-B3-TraceId: " + trace + "\r\nX-B3-SpanId: " + span_id + "\r\n",
        "uber-trace-id: " + trace + ":" + span_id + ":0:1\r\n"}) {
    const Span span = made(lines);
    REQUIRE(span.links.size() == 1);
    CHECK(span.links[0].trace_id.hex() == trace);
    CHECK(span.links[0].span_id.hex() == span_id);
  }
  CHECK(made("b3: 0\r\n").links.empty());
  CHECK(made("X-Trace-ID: " + trace + "\r\n").links.empty());
  // tracestate belongs to traceparent.
  request.attribution = ATTRIBUTION_INCOMING;
  CHECK(made("b3: " + trace + "-" + span_id + "-1\r\ntracestate: a=1\r\n").trace_state.empty());
  // An opaque trace id is an attribute, one that is an id is not.
  CHECK(made("X-Trace-ID: order-4711\r\n").attributes.text("weft.x_trace_id") == "order-4711");
  CHECK(made("x-trace-id: " + trace + "\r\n").attributes.text("weft.x_trace_id").empty());
}

TEST_CASE("server span: captured headers are attributes, lines of one name joined") {
  SpanFixture f({.mask = MaskRules({"x-tenant", "set-cookie"}, {})});
  const request_event request = server_request(1, 5000);
  const Span& span = f.span_of(request, "GET / HTTP/1.1\r\nX-Tenant: a\r\nX-Other: c\r\nx-tenant: b\r\n\r\n",
                               response_to(request, 6000), "HTTP/1.1 200 OK\r\nSet-Cookie: z\r\n\r\n");
  CHECK(span.attributes.text("http.request.header.x-tenant") == "a, b");
  CHECK(span.attributes.text("http.response.header.set-cookie") == "z");
  CHECK(span.attributes.find("http.request.header.x-other") == nullptr);
}

TEST_CASE("server span: baggage that is asked for is an attribute, never over another") {
  SpanFixture f({.mask = MaskRules({}, {"user.id", "url.path"})});
  const request_event request = server_request(1, 5000);
  const Span& span = f.span_of(request, "GET /p HTTP/1.1\r\nbaggage: user.id=a%20b,url.path=x,other=1\r\n\r\n",
                               response_to(request, 6000));
  CHECK(span.attributes.text("user.id") == "a b");
  CHECK(span.attributes.text("url.path") == "/p");
  CHECK(span.attributes.find("other") == nullptr);
}

TEST_CASE("server span: text is UTF-8 whatever was sent") {
  const Span span = server_span("GET /a\xff\xc3\xa9 HTTP/1.1\r\nHost: \xc0\xaf\r\nUser-Agent: \xe2\x82\r\n\r\n");
  CHECK(span.attributes.text("url.path") == "/a\xEF\xBF\xBD\xc3\xa9");
  CHECK(span.attributes.text("server.address") == "\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(span.attributes.text("user_agent.original") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("server span: not sampled, ignored and instrumented ones are for metrics only") {
  SpanFixture f({.routes = {.ignored = {"/healthz", "/static/**"}}});
  request_event request = server_request(1, 5000);
  f.span_of(request, "GET / HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK(f.recorded());
  request = server_request(2, 5000);
  request.facts = 0;
  f.span_of(request, "GET / HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK_FALSE(f.recorded());
  request = server_request(3, 5000);
  const Span& ignored = f.span_of(request, "GET /healthz?x HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK_FALSE(f.recorded());
  CHECK(ignored.attributes.text("http.route") == "/healthz");
  request = server_request(4, 5000);
  f.span_of(request, "GET /static/a/b.js HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK_FALSE(f.recorded());
  f.processes.with_sdk = 100;
  request = server_request(5, 5000);
  f.span_of(request, "GET / HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK_FALSE(f.recorded());
  const AssembleCounters counters = f.pipeline.counters().assemble;
  CHECK(counters.spans == 1);
  CHECK(counters.unsampled == 1);
  CHECK(counters.ignored == 2);
  CHECK(counters.instrumented == 1);
}

TEST_CASE("server span: an unknown process still has a resource; no end before the start") {
  const request_event request = server_request(1, 5000, 999);
  const Span span = server_span(request, head, response_to(request, 4000));
  CHECK(span.resource->service_name == "unknown_service");
  CHECK(span.end_unix_ns == span.start_unix_ns);
}

TEST_CASE("server span: a head that is empty or cut still gives a span") {
  const request_event request = server_request(1, 5000);
  CHECK(server_span(request, "", response_to(request, 6000)).name == "HTTP");
  CHECK(server_span(request, "GET /us", response_to(request, 6000)).name == "GET /us");
}
