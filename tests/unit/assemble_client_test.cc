// SPDX-License-Identifier: Apache-2.0
// Client spans, and the table of what an outgoing message already carries.
#include <doctest/doctest.h>

#include "support/span_fixture.h"

using namespace weft;
using namespace weft::testing;

namespace {

const std::string head = "GET /stock/7?sku=1&sig=x HTTP/1.1\r\nHost: stock.example:9000\r\n\r\n";

Span client_span(std::string_view text, __u16 status = 200) {
  SpanFixture f;
  const request_event request = client_request(2, 1, 5000);
  return f.span_of(request, text, response_to(request, 6000, status));
}

}  // namespace

TEST_CASE("client span: all of it") {
  const Span span = client_span(head);
  CHECK(span.kind == SpanKind::client);
  CHECK(span.name == "GET");
  CHECK(span.parent_span_id.hex() == "0101010101010101");
  CHECK_FALSE(span.parent_is_remote);
  CHECK(span.attributes.text("http.request.method") == "GET");
  CHECK(span.attributes.text("server.address") == "stock.example");
  CHECK(span.attributes.text("server.port") == "9000");
  CHECK(span.attributes.text("url.full") == "http://stock.example:9000/stock/7?sku=1&sig=REDACTED");
  CHECK(span.attributes.text("http.response.status_code") == "200");
  CHECK(span.attributes.text("network.peer.address") == "10.0.0.2");
  CHECK(span.attributes.text("network.peer.port") == "9000");
  CHECK(span.attributes.find("weft.injection") == nullptr);
  CHECK(span.attributes.find("http.route") == nullptr);
  CHECK(span.attributes.find("url.path") == nullptr);
}

TEST_CASE("client span: status is Error for 4xx and 5xx") {
  CHECK(client_span(head, 302).status == StatusCode::unset);
  for (const __u16 status : {400, 404, 500}) {
    const Span span = client_span(head, status);
    CHECK(span.status == StatusCode::error);
    CHECK(span.attributes.text("error.type") == std::to_string(status));
  }
}

TEST_CASE("client span: url.full for other targets") {
  const auto url = [](std::string_view text) { return client_span(text).attributes.text("url.full"); };
  CHECK(url("GET /a HTTP/1.0\r\n\r\n") == "http://10.0.0.2:9000/a");
  CHECK(url("GET http://u:p@far/x HTTP/1.1\r\nHost: proxy\r\n\r\n") == "http://far/x");
  CHECK(url("GET http://far HTTP/1.1\r\nHost: far\r\n\r\n") == "http://far/");
  CHECK(url("OPTIONS * HTTP/1.1\r\nHost: far\r\n\r\n") == "http://far");
  CHECK(url("CONNECT far:443 HTTP/1.1\r\nHost: far:443\r\n\r\n").empty());
}

TEST_CASE("client span: an IPv6 peer without Host") {
  SpanFixture f;
  request_event request = client_request(2, 1, 5000);
  const __u8 address[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  std::memcpy(request.peer_address, address, sizeof(address));
  request.peer_port = 80;
  const Span& span = f.span_of(request, "GET / HTTP/1.1\r\n\r\n", response_to(request, 6000));
  CHECK(span.attributes.text("url.full") == "http://[2001:db8::1]/");
  CHECK(span.attributes.text("network.peer.address") == "2001:db8::1");
}

TEST_CASE("client span: a skipped injection is a leaf that says why") {
  for (const auto& [injection, reason] :
       {std::pair{INJECTION_NO_BUDGET, "no_budget"}, std::pair{INJECTION_BULK, "bulk"},
        std::pair{INJECTION_NOT_MEMBER, "not_member"}, std::pair{INJECTION_INVALID_CARRIED, "invalid_carried"}}) {
    SpanFixture f;
    request_event request = client_request(2, 1, 5000);
    request.injection = static_cast<__u8>(injection);
    const Span& span = f.span_of(request, head, response_to(request, 6000));
    CHECK(f.recorded());
    CHECK(span.attributes.text("weft.injection") == reason);
  }
}

TEST_CASE("client span: none where no parent may be claimed") {
  const struct {
    attribution how;
    injection_result injection;
  } cases[] = {{ATTRIBUTION_NONE, INJECTION_NO_TASK},    {ATTRIBUTION_NONE, INJECTION_ORPHANS_OFF},
               {ATTRIBUTION_NONE, INJECTION_NOT_MEMBER}, {ATTRIBUTION_TASK, INJECTION_OWN_HEADER},
               {ATTRIBUTION_TASK, INJECTION_AMBIGUOUS},  {ATTRIBUTION_TASK, INJECTION_INSTRUMENTED}};
  for (const auto& c : cases) {
    SpanFixture f;
    request_event request = client_request(2, 1, 5000);
    request.attribution = static_cast<__u8>(c.how);
    request.injection = static_cast<__u8>(c.injection);
    const Span& span = f.span_of(request, head, response_to(request, 6000));
    CHECK_FALSE(f.recorded());
    CHECK_FALSE(span.trace_id.valid());  // metrics only: claims nothing
    CHECK_FALSE(span.parent_span_id.valid());
    CHECK(span.attributes.text("http.response.status_code") == "200");
    CHECK(f.pipeline.counters().assemble.unattributed == 1);
  }
}

TEST_CASE("client span: an orphan's new trace is a root") {
  SpanFixture f;
  request_event request = client_request(2, 0, 5000);
  request.attribution = ATTRIBUTION_ROOT;
  const Span& span = f.span_of(request, head, response_to(request, 6000));
  CHECK(f.recorded());
  CHECK_FALSE(span.parent_span_id.valid());
}

TEST_CASE("span: a threshold that weft wrote into tracestate is shown, by the request and by what it caused") {
  SpanFixture f;
  request_event server = server_request(1, 5000);
  server.attribution = ATTRIBUTION_INCOMING;
  server.facts |= REQUEST_DECIDED | REQUEST_THRESHOLD;
  server.threshold = 0xc0000000;
  f.pipeline.feed(with_text(server, "GET / HTTP/1.1\r\ntracestate: v=1,ot=th:8\r\n\r\n"));
  const request_event client = client_request(2, 1, 5100);
  CHECK(f.span_of(client, head, response_to(client, 5200)).trace_state == "ot=th:c,v=1");
  request_event root = server_request(3, 5300);
  root.facts |= REQUEST_DECIDED | REQUEST_THRESHOLD;
  f.pipeline.feed(with_text(root, head));
  const request_event caused = client_request(4, 3, 5400);
  CHECK(f.span_of(caused, head, response_to(caused, 5500)).trace_state == "ot=th:0");
  CHECK(f.span_of(root, head, response_to(root, 5600)).trace_state == "ot=th:0");
  request_event orphan = client_request(5, 0, 5700);
  orphan.attribution = ATTRIBUTION_ROOT;
  orphan.facts |= REQUEST_THRESHOLD;
  orphan.threshold = 0x80000000;
  CHECK(f.span_of(orphan, head, response_to(orphan, 5800)).trace_state == "ot=th:8");
  server = server_request(6, 5900);
  server.attribution = ATTRIBUTION_INCOMING;
  server.facts |= REQUEST_DECIDED;
  CHECK(f.span_of(server, "GET / HTTP/1.1\r\ntracestate: v=1,ot=th:8\r\n\r\n", response_to(server, 6000)).trace_state ==
        "v=1");
}

TEST_CASE("client span: tracestate and baggage are what the kernel wrote from the server exchange") {
  SpanFixture f;
  request_event server = server_request(1, 5000);
  server.attribution = ATTRIBUTION_INCOMING;
  f.pipeline.feed(with_text(server, "GET / HTTP/1.1\r\ntracestate: v=1\r\nbaggage: tenant=a\r\n\r\n"));
  request_event client = client_request(2, 1, 5100);
  const Span& injected = f.span_of(client, head, response_to(client, 5200));
  CHECK(injected.trace_state == "v=1");
  REQUIRE(injected.baggage.size() == 1);
  CHECK(injected.baggage[0].first == "tenant");

  client = client_request(3, 1, 5300);
  client.injection = INJECTION_NO_BUDGET;
  CHECK(f.span_of(client, head, response_to(client, 5400)).baggage.empty());

  client = client_request(4, 1, 5500);
  const Span& own = f.span_of(client, "GET / HTTP/1.1\r\nbaggage: mine=1\r\n\r\n", response_to(client, 5600));
  REQUIRE(own.baggage.size() == 1);
  CHECK(own.baggage[0].first == "mine");
}
