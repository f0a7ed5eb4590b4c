// SPDX-License-Identifier: Apache-2.0
// From header blocks to spans: order, gaps, trailers, contexts that the kernel could not read, limits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "assemble/pipeline_core.h"
#include "decode/http2/exchanges.h"
#include "support/http2/hpack_blocks.h"

using namespace weft;
using namespace weft::test;

namespace {

constexpr std::uint64_t connection = 77;

template <class T>
std::vector<std::byte> record(T fields, const Bytes& text = {}) {
  std::vector<std::byte> out(sizeof(T) + text.size());
  fields.header.size = static_cast<__u32>(out.size());
  std::memcpy(out.data(), &fields, sizeof(T));
  std::ranges::copy(std::as_bytes(std::span(text)), out.begin() + sizeof(T));
  return out;
}

class NoResources final : public ResourceSource {
 public:
  std::shared_ptr<const Resource> of(pid_t) override { return nullptr; }
};

struct Scene {
  ManualClock clock;
  NoResources resources;
  std::vector<Span> spans;
  std::uint64_t now_ns = 1'000'000'000;
  SpanPipeline pipeline{{}, clock, resources, [this](Assembled a) { spans.push_back(*a.span); }};
  Http2Exchanges http2;
  std::array<std::uint32_t, 2> sequence{};
  std::uint32_t role = ROLE_SERVER;
  __u8 life = 0;
  std::array<std::uint32_t, 2> messages{1, 3};

  explicit Scene(Http2Limits limits = {})
      : http2([this](std::span<const std::byte> r) { pipeline.feed(r); }, {.limits = limits}) {}

  void block(std::uint32_t stream, const Bytes& text, __u8 facts = 0) {
    block_event event{};
    event.header.type = EVENT_BLOCK;
    event.connection_id = connection;
    event.stream = stream;
    event.sequence = ++sequence[(facts & BLOCK_RESPONSE) != 0];
    event.text_bytes = event.block_bytes = static_cast<__u32>(text.size());
    event.facts = facts;
    event.life = life;
    if (life) event.facts |= BLOCK_LATE;
    http2.feed(record(event, text));
  }
  // The kernel has lost the connection's position and found it again; what was sent meanwhile nobody has seen.
  void join_again() {
    life++;
    sequence = {};
  }
  request_event begun(std::uint32_t stream) {
    request_event event{};
    event.header.type = EVENT_REQUEST;
    event.header.time_ns = now_ns;
    event.exchange_id = 1000 + stream;
    event.connection_id = connection;
    event.role = static_cast<__u8>(role);
    event.protocol = PROTOCOL_HTTP2;
    event.attribution = ATTRIBUTION_ROOT;
    event.facts = REQUEST_SAMPLED;
    event.ids.trace_id[0] = event.ids.span_id[0] = 1;
    event.stream = stream;
    return event;
  }
  void request(std::uint32_t stream, const Bytes& text) {
    block(stream, text);
    http2.feed(record(begun(stream)));
  }
  void end(std::uint32_t stream, __u8 end = END_COMPLETE, std::uint32_t code = 0) {
    response_event event{};
    event.header.type = EVENT_RESPONSE;
    event.header.time_ns = now_ns + 50'000'000;
    event.exchange_id = 1000 + stream;
    event.connection_id = connection;
    event.role = static_cast<__u8>(role);
    event.end = end;
    event.stream = stream;
    event.reset_code = code;
    event.request_messages = messages[0];
    event.response_messages = messages[1];
    http2.feed(record(event));
  }
};

Fields grpc_request(std::string path = "/shop.Orders/Get") {
  return {{":method", "POST"},
          {":scheme", "http"},
          {":path", std::move(path)},
          {":authority", "shop:50051"},
          {"content-type", "application/grpc"},
          {"te", "trailers"}};
}

}  // namespace

TEST_CASE("http2: a call by gRPC, unary and failing") {
  for (const auto& [role, code, status] : {std::tuple{ROLE_SERVER, "0", StatusCode::unset},
                                           {ROLE_SERVER, "3", StatusCode::unset},
                                           {ROLE_SERVER, "13", StatusCode::error},
                                           {ROLE_CLIENT, "3", StatusCode::error}}) {
    Scene scene;
    scene.role = role;
    OracleEncoder requests, responses;
    scene.request(1, requests.encode(grpc_request()));
    scene.block(1, responses.encode({{":status", "200"}, {"content-type", "application/grpc"}}), BLOCK_RESPONSE);
    scene.block(1, responses.encode({{"grpc-status", code}, {"grpc-message", "a secret"}}),
                BLOCK_RESPONSE | BLOCK_END_STREAM);
    scene.end(1);
    REQUIRE(scene.spans.size() == 1);
    const Span& span = scene.spans[0];
    CHECK(span.name == "shop.Orders/Get");
    CHECK(span.attributes.text("rpc.system.name") == "grpc");
    CHECK(span.attributes.text("rpc.method") == "shop.Orders/Get");
    CHECK(span.attributes.text("server.address") == "shop");
    CHECK(span.attributes.text("server.port") == "50051");
    CHECK(span.attributes.text("network.protocol.version") == "2");
    CHECK(span.attributes.text("weft.rpc.response.messages") == "3");
    CHECK(span.attributes.find("http.request.method") == nullptr);
    CHECK(span.status == status);
    CHECK(span.status_message.empty());  // the peer's words are not kept unless asked for
    CHECK(span.attributes.text("rpc.status_code") == (std::string(code) == "0"   ? "OK"
                                                      : std::string(code) == "3" ? "INVALID_ARGUMENT"
                                                                                 : "INTERNAL"));
    CHECK((span.attributes.find("error.type") != nullptr) == (status == StatusCode::error));
  }
}

// Joined in mid-life: what the request says of itself is an index of a table that nobody has seen.
TEST_CASE("http2: a call by gRPC whose request is not known is one by its answer") {
  struct Case {
    Fields answer, trailers;
    bool grpc;
    std::array<std::uint32_t, 2> messages{};
  };
  const Fields grpc{{":status", "200"}, {"content-type", "application/grpc+proto"}};
  const Fields nothing{{":status", "200"}};
  for (const Case& c : {Case{grpc, {{"grpc-status", "3"}}, true},
                        {nothing, {{"grpc-status", "3"}}, true},
                        {grpc, {}, true},
                        {nothing, {}, false},
                        {nothing, {}, false, {1, 0}},
                        {nothing, {}, true, {1, 1}},
                        {{{":status", "200"}, {"content-type", "text/html"}}, {}, false, {1, 1}}}) {
    for (const std::string known : {"", "text/plain", "application/grpc+json"}) {
      CAPTURE(known);
      Scene scene;
      scene.role = ROLE_CLIENT;
      scene.messages = c.messages;
      OracleEncoder requests, responses;
      requests.encode({{":authority", "shop:50051"}, {"content-type", "application/grpc"}, {"user-agent", "unseen"}});
      scene.join_again();
      Fields request{{":method", "POST"}, {":scheme", "http"}, {":authority", "shop:50051"}};
      request.push_back({"content-type", known.empty() ? "application/grpc" : known});
      scene.request(1, requests.encode(request));
      scene.block(1, responses.encode(c.answer), BLOCK_RESPONSE);
      if (!c.trailers.empty()) scene.block(1, responses.encode(c.trailers), BLOCK_RESPONSE | BLOCK_END_STREAM);
      scene.end(1);
      REQUIRE(scene.spans.size() == 1);
      const Span& span = scene.spans[0];
      const bool expected = known.empty() ? c.grpc : known == "application/grpc+json";
      CHECK((span.attributes.text("rpc.system.name") == "grpc") == expected);
      CHECK((span.attributes.find("http.request.method") == nullptr) == expected);
      CHECK((span.attributes.text("rpc.status_code") == "INVALID_ARGUMENT") == (expected && !c.trailers.empty()));
      CHECK((span.status == StatusCode::error) == (expected && !c.trailers.empty()));
      if (expected) CHECK(span.name == "grpc");
    }
  }
}

TEST_CASE("http2: of a GET that a gRPC server answers is made no call") {
  Scene scene;
  OracleEncoder requests, responses;
  scene.request(1, requests.encode({{":method", "GET"}, {":scheme", "http"}, {":path", "/a"}}));
  scene.block(1, responses.encode({{":status", "415"}, {"content-type", "application/grpc"}, {"grpc-status", "13"}}),
              BLOCK_RESPONSE | BLOCK_END_STREAM);
  scene.end(1);
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].attributes.text("http.request.method") == "GET");
}

TEST_CASE("http2: plain HTTP has the names of HTTP") {
  Scene scene;
  OracleEncoder requests, responses;
  scene.request(1, requests.encode({{":method", "GET"},
                                    {":scheme", "http"},
                                    {":path", "/a/b?c=1"},
                                    {":authority", "host"},
                                    {"user-agent", "u"}}));
  scene.block(1, responses.encode({{":status", "103"}}), BLOCK_RESPONSE);
  scene.block(1, responses.encode({{":status", "503"}}), BLOCK_RESPONSE | BLOCK_END_STREAM);
  scene.end(1);
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].attributes.text("http.request.method") == "GET");
  CHECK(scene.spans[0].attributes.text("url.path") == "/a/b");
  CHECK(scene.spans[0].attributes.text("http.response.status_code") == "503");
  CHECK(scene.spans[0].attributes.text("user_agent.original") == "u");
  CHECK(scene.spans[0].status == StatusCode::error);
}

TEST_CASE("http2: how a stream ends without trailers") {
  struct Case {
    __u8 end;
    std::uint32_t code;
    const char* timeout;
    const char* status;
  };
  for (const Case& c : {Case{END_RESET, 8, "", "CANCELLED"}, Case{END_RESET, 8, "50m", "DEADLINE_EXCEEDED"},
                        Case{END_RESET, 8, "9S", "CANCELLED"}, Case{END_RESET, 7, "", "UNAVAILABLE"},
                        Case{END_RESET, 1, "", "INTERNAL"}, Case{END_CLOSED, 0, "", "UNAVAILABLE"}}) {
    Scene scene;
    OracleEncoder requests;
    Fields fields = grpc_request();
    if (*c.timeout) fields.push_back({"grpc-timeout", c.timeout});
    scene.request(1, requests.encode(fields));
    scene.end(1, c.end, c.code);
    REQUIRE(scene.spans.size() == 1);
    CHECK(scene.spans[0].attributes.text("rpc.status_code") == c.status);
  }
}

TEST_CASE("http2: a lost block costs what it said, not what comes after") {
  Scene scene;
  OracleEncoder requests;
  scene.messages = {};  // which would tell what it was all the same
  scene.request(1, requests.encode(grpc_request("/a.A/One")));
  requests.encode({{":path", "/lost"}, {"x-lost", "1"}});
  scene.sequence[0]++;
  scene.request(5, requests.encode(grpc_request("/a.A/One")));  // by index, of a table that is not known any more
  scene.request(7, requests.encode(grpc_request("/a.A/Two")));
  for (const std::uint32_t stream : {1u, 5u, 7u}) scene.end(stream);
  REQUIRE(scene.spans.size() == 3);
  CHECK(scene.spans[0].name == "a.A/One");
  CHECK(scene.spans[1].attributes.text("rpc.method").empty());
  CHECK(scene.http2.counters().missed == 1);
  CHECK(scene.http2.counters().unknown_fields >= 1);
}

// What the two sides have put into their tables while nobody looked moves what was there before.
void joins_again(int before, int lost) {
  CAPTURE(before);
  CAPTURE(lost);
  Scene scene;
  OracleEncoder requests, responses;
  std::uint32_t stream = 1;
  const auto request = [&](const std::string& agent) {
    return requests.encode({{":method", "GET"}, {":path", "/"}, {"user-agent", agent}, {"x-one", "1"}});
  };
  const auto response = [&](const std::string& status) {
    return responses.encode({{":status", status}, {"x-one", "1"}});
  };
  const auto exchange = [&](const std::string& agent, const std::string& status) {
    scene.request(stream, request(agent));
    scene.block(stream, response(status), BLOCK_RESPONSE | BLOCK_END_STREAM);
    scene.end(stream);
    stream += 2;
  };
  for (int i = 0; i < before; i++) exchange("before" + std::to_string(i), std::to_string(410 + i));
  request("unseen");
  response("420");
  scene.join_again();
  for (int i = 0; i < lost; i++) {  // in the ring buffer
    request("lost" + std::to_string(i));
    response(std::to_string(430 + i));
    for (std::uint32_t& sequence : scene.sequence) sequence++;
  }
  using Pair = std::pair<std::string, std::string>;
  for (const auto& [agent, status] : {Pair{"first", "450"}, {"unseen", "420"}, {"before0", "410"}, {"first", "450"}}) {
    exchange(agent, status);
    const Attributes& attributes = scene.spans.back().attributes;
    for (const auto& [key, sent] : {Pair{"user_agent.original", agent}, {"http.response.status_code", status}})
      CHECK((attributes.find(key) == nullptr || attributes.text(key) == sent));
  }
  // Known again, once they were sent.
  CHECK(scene.spans.back().attributes.text("user_agent.original") == "first");
  CHECK(scene.spans.back().attributes.text("http.response.status_code") == "450");
}

TEST_CASE("http2: a connection that is joined again keeps nothing of what its tables were") {
  for (const int before : {1, 2, 3})
    for (const int lost : {0, 1, 2}) joins_again(before, lost);
}

TEST_CASE("http2: the same block twice is one") {
  Scene scene;
  OracleEncoder requests;
  const Bytes text = requests.encode(grpc_request());
  scene.block(1, text);
  scene.sequence[0]--;
  scene.request(1, text);
  scene.request(3, requests.encode(grpc_request()));
  scene.end(1);
  scene.end(3);
  REQUIRE(scene.spans.size() == 2);
  CHECK(scene.spans[1].name == "shop.Orders/Get");
}

TEST_CASE("http2: a context that only the decoder can read") {
  Scene scene;
  OracleEncoder requests;
  Fields fields = grpc_request();
  fields.push_back({"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"});
  fields.push_back({"tracestate", "ot=th:c"});
  scene.block(1, requests.encode(fields));
  request_event event = scene.begun(1);
  event.facts = REQUEST_SAMPLED | REQUEST_HAS_CONTEXT | REQUEST_INVALID_CONTEXT | REQUEST_DECIDED | REQUEST_THRESHOLD;
  scene.http2.feed(record(event));
  scene.end(1);
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(scene.spans[0].parent_span_id.hex() == "b7ad6b7169203331");
  CHECK(scene.spans[0].parent_is_remote);
  CHECK(scene.spans[0].trace_state == "ot=th:c");  // the kernel decided on a trace that it had to make up
}

TEST_CASE("http2: a header cannot make a line of its own") {
  Scene scene;
  Bytes block{0x83, 0x86};
  put_literal(block, Literal::without, 4, "", "/a HTTP/1.1\r\nhost: evil", false, false);
  put_literal(block, Literal::without, 0, "user-agent", "u\r\ntraceparent: x", false, false);
  put_literal(block, Literal::without, 0, "content-type", "application/grpc", false, false);
  scene.request(1, block);
  scene.end(1);
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].attributes.find("user_agent.original") == nullptr);
  CHECK(scene.spans[0].attributes.text("server.address") != "evil");
}

TEST_CASE("http2: bounded in connections, streams and bytes") {
  Http2Limits limits{.connections = 10, .streams = 5, .text_bytes = 1000, .total_bytes = 20000};
  std::size_t out = 0;
  Http2Exchanges http2([&](std::span<const std::byte>) { out++; }, {.limits = limits});
  for (std::uint64_t id = 1; id <= 500; id++) {
    OracleEncoder encoder;
    for (std::uint32_t i = 1; i <= 20; i++) {
      block_event event{};
      event.header.type = EVENT_BLOCK;
      event.connection_id = id;
      event.stream = 2 * i - 1;
      event.sequence = i;
      Fields fields = grpc_request();
      fields.push_back({"x" + std::to_string(i), std::string(3000, 'v')});
      const Bytes text = encoder.encode(fields);
      event.text_bytes = static_cast<__u32>(text.size());
      http2.feed(record(event, text));
      REQUIRE(http2.connections() <= 10);
      REQUIRE(http2.bytes() <= 20000 + 15000);
    }
  }
  CHECK(out == 0);
  CHECK(http2.counters().evicted > 400);
  block_event closed{};
  closed.header.type = EVENT_BLOCK;
  closed.facts = BLOCK_CLOSED;
  for (std::uint64_t id = 1; id <= 500; id++) {
    closed.connection_id = id;
    http2.feed(record(closed));
  }
  CHECK(http2.connections() == 0);
  CHECK(http2.bytes() == 0);
}
