// SPDX-License-Identifier: Apache-2.0
// Spans of requests that look alike share what they have in common: what they say is the same as if they did not.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "support/same_span.h"
#include "support/span_fixture.h"
#include "wire/tls.h"

using namespace weft;
using namespace weft::testing;

namespace {

// Everything that a span is made of, each from a few choices, so that most exchanges come again.
struct Choices {
  std::mt19937 random{7};
  std::uint64_t next = 0;

  template <class T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[random() % choices.size()];
  }
  bool rarely() { return random() % 20 == 0; }

  struct Pair {
    Bytes request, response;
  };
  Pair exchange() {
    const std::uint64_t id = ++next, start_ns = 5000 + 1000 * id;
    const __u32 tgid = one_of({100u, 200u});
    request_event request = random() % 2 ? server_request(id, start_ns, tgid) : client_request(id, 0, start_ns, tgid);
    for (__u8& byte : request.ids.trace_id) byte = static_cast<__u8>(random());
    if (rarely()) request.facts |= one_of({REQUEST_HTTP10, REQUEST_ENCRYPTED, REQUEST_BAGGAGE_UNENFORCED});
    if (rarely()) request.facts &= ~REQUEST_SAMPLED;
    if (rarely()) request.facts |= REQUEST_HAS_CONTEXT;
    if (rarely()) request.attribution = one_of<__u8>({ATTRIBUTION_NONE, ATTRIBUTION_INCOMING, ATTRIBUTION_ROOT});
    if (rarely()) request.injection = one_of<__u8>({INJECTION_OWN_HEADER, INJECTION_TOO_LARGE, INJECTION_NOT_TRIED});
    if (rarely()) request.local_address[15] = 77;
    if (rarely()) request.peer_address[15] = 66;
    if (rarely()) request.local_port = 4321;
    request.peer_port = one_of<__u16>({40000, 40001, 80});
    response_event response = response_to(request, start_ns + random() % 5000, one_of<__u16>({200, 200, 200, 503}));
    if (rarely()) response.status = one_of<__u16>({0, 301, 404, 405});
    if (rarely()) response.end = one_of<__u8>({END_CLOSED, END_TIMEOUT, END_RESET});
    response.request_body_bytes = random() % 3;
    response.response_body_bytes = random() % 100;
    response.response_messages = random() % 3;
    std::string head = one_of({"GET", "POST", "POST", "PUSH"});
    head += one_of({" /orders", " /orders/17", " /orders/17?token=x", " http://abs.example", " /healthz", " *"});
    head += " HTTP/1.1\r\n";
    if (!rarely()) head += one_of({"Host: shop:81\r\n", "Host: stock\r\n"});
    if (rarely()) head += one_of({"User-Agent: curl\r\n", "User-Agent: wget\r\n"});
    if (rarely()) head += "X-Tenant: " + std::to_string(random() % 2) + "\r\n";
    if (rarely()) head += "Cookie: " + std::to_string(random()) + "\r\n";
    if (random() % 2) head += "Content-Length: " + std::to_string(random() % 3) + "\r\n";
    if (rarely()) head += "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    if (rarely()) head += "tracestate: v=" + std::to_string(random() % 9) + "\r\n";
    if (rarely()) head += "baggage: tenant=" + std::to_string(random() % 9) + "\r\n";
    if (rarely()) head += "X-Trace-ID: order-" + std::to_string(random()) + "\r\n";
    if (rarely()) head += "b3: 0\r\n";
    std::string response_head = "HTTP/1.1 200 OK\r\n";
    if (random() % 3 == 0) {
      request.protocol = PROTOCOL_HTTP2;
      head += one_of({"content-type: application/grpc\r\n", "x: y\r\n"});
      if (random() % 2) request.facts |= REQUEST_UNKNOWN;
      response.request_messages = random() % 2;
      if (rarely()) head += "grpc-timeout: " + std::to_string(random() % 3) + "m\r\n";
      response_head += one_of({"grpc-status: 0\r\n", "grpc-status: 12\r\n", "", ""});
    }
    return {with_text(request, head + "\r\n"), with_text(response, response_head + "\r\n")};
  }
};

void compare(const MaskRules& mask, std::size_t at_least) {
  const PipelineOptions options{.mask = mask, .routes = {.ignored = {"/healthz"}}, .limits = {}};
  Choices choices;
  SpanFixture busy(options);
  std::size_t shared = 0;
  for (int i = 0; i < 20'000; i++) {
    const auto [request, response] = choices.exchange();
    SpanFixture fresh(options);
    for (SpanFixture* f : {&busy, &fresh}) {
      f->pipeline.feed(request);
      f->pipeline.feed(response);
      REQUIRE(f->out.size() == 1);
    }
    const Assembled &one = busy.out[0], &other = fresh.out[0];
    CHECK_FALSE(other.span->attributes.common);
    if (one.span->attributes.common) {
      check_same(*one.span, *other.span);
      shared++;
    }
    CHECK(one.record == other.record);
    CHECK(one.unsampled == other.unsampled);
    busy.out.clear();
  }
  CHECK(shared > at_least);
}

}  // namespace

TEST_CASE("alike: what is shared says what each would say alone") { compare(MaskRules({}, {"tenant"}), 3000); }

TEST_CASE("alike: captured headers, of which some are a request's own") {
  compare(MaskRules({"x-tenant", "content-length", "x-trace-id"}, {}), 1000);
}

TEST_CASE("alike: a path that leads nowhere has a route as soon as another request shows that it is one") {
  SpanFixture f;
  std::uint64_t id = 0;
  const auto route = [&](__u16 status) {
    const request_event request = server_request(++id, 5000);
    return f.span_of(request, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", response_to(request, 6000, status))
        .attributes.text("http.route");
  };
  for (int i = 0; i < 5; i++) CHECK(route(404).empty());
  CHECK(route(200) == "/a");
  CHECK(route(404) == "/a");
}

TEST_CASE("alike: other routes are in force at once") {
  SpanFixture f;
  std::uint64_t id = 0;
  const auto name = [&] {
    const request_event request = server_request(++id, 5000);
    return f.span_of(request, "GET /shop/ann HTTP/1.1\r\n\r\n", response_to(request, 6000)).name;
  };
  for (int i = 0; i < 5; i++) CHECK(name() == "GET /shop/ann");
  CHECK(f.out.back().span->attributes.common);
  f.pipeline.set_routes({.patterns = {"/shop/{name}"}});
  CHECK(name() == "GET /shop/{name}");
}

TEST_CASE("alike: a process that is found to make its own spans makes no more here, known requests or not") {
  SpanFixture f;
  std::uint64_t id = 0;
  const auto recorded = [&] {
    const request_event request = server_request(++id, 5000);
    f.span_of(request, "GET /a HTTP/1.1\r\n\r\n", response_to(request, 6000));
    return f.recorded();
  };
  for (int i = 0; i < 5; i++) CHECK(recorded());
  f.processes.with_sdk = 100;
  CHECK_FALSE(recorded());
}

TEST_CASE("alike: what is captured of a request's own lines is told apart only where it is captured") {
  CHECK_FALSE(MaskRules({"x-tenant", "user-agent"}, {}).captures_own());
  for (const char* name : {"traceparent", "tracestate", "baggage", "content-length", "X-Trace-ID"})
    CHECK(MaskRules({name}, {}).captures_own());
}

TEST_CASE("alike: what does not come again is not kept, and no more than so many are") {
  AlikeRequests alike;
  const auto resource = resource_named("orders", 100);
  Exchange exchange;
  exchange.request = server_request(1, 5000);
  const auto come = [&](const std::string& path) {
    exchange.request_head = "GET " + path + " HTTP/1.1\r\n";
    if (alike.find(exchange, resource, false)) return;
    if (!alike.comes_again()) return;
    std::vector<Attribute> items{{AttributeKey("url.path"), path}};
    alike.keep({.resource = resource, .attributes = std::make_shared<const CommonAttributes>(std::move(items))});
  };
  for (int i = 0; i < 10'000; i++) come("/" + std::to_string(i));
  CHECK(alike.size() == 0);
  for (int i = 0; i < 10'000; i++)
    for (unsigned times = 0; times < AlikeRequests::kTimes; times++) come("/x" + std::to_string(i));
  CHECK(alike.size() > 0);
  CHECK(alike.size() <= AlikeRequests::kMost);
  for (int i = 0; i < 500; i++)
    for (unsigned times = 0; times < AlikeRequests::kTimes; times++)
      come("/" + std::to_string(i) + std::string(15'000, 'x'));
  CHECK(alike.size() > 10);
  CHECK(alike.size() < 40);
  CHECK(alike.bytes() <= AlikeRequests::kMost_bytes);
}
