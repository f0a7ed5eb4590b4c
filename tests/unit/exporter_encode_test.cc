// SPDX-License-Identifier: Apache-2.0
// Spans in the form of the wire: OTLP read back with the protobuf classes, Zipkin against golden text.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "exporter/otlp/otlp_exporter.h"
#include "exporter/zipkin/zipkin_exporter.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "support/sample_spans.h"

namespace weft {
namespace {

namespace trace = opentelemetry::proto::trace::v1;
using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

Request decoded(const SpanBatch& batch) {
  Request request;
  REQUIRE(request.ParseFromString(encode_otlp(batch, "0.1.0")));
  return request;
}

template <std::size_t n>
std::string bytes_of(const std::array<std::uint8_t, n>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), n};
}

TEST_CASE("otlp: field numbers of the specification") {
  // Written by hand from the public specification, so that a wrong number in the .proto text cannot hide.
  Span span;
  span.trace_id.bytes.fill(0x11);
  span.span_id.bytes.fill(0x22);
  span.parent_span_id.bytes.fill(0x33);
  span.trace_state = "a=b";
  span.name = "n";
  span.kind = SpanKind::client;
  span.start_unix_ns = 1;
  span.end_unix_ns = 2;
  span.flags = 1;
  span.status = StatusCode::error;
  span.status_message = "m";
  span.attributes.set("k", std::string("v"));
  Resource resource{.service_name = "s", .attributes = {}};
  resource.attributes.set("r", std::int64_t{7});
  span.resource = std::make_shared<const Resource>(resource);
  const auto field = [](int number, int type, const std::string& payload) {
    std::string out;
    const int key = number << 3 | type;
    if (key > 127) out += static_cast<char>((key & 127) | 128);
    out += static_cast<char>(key > 127 ? key >> 7 : key);
    if (type == 2) out += static_cast<char>(payload.size());
    return out + payload;
  };
  const auto varint = [&](int number, char value) { return field(number, 0, std::string(1, value)); };
  const std::string span_bytes =
      field(1, 2, std::string(16, 0x11)) + field(2, 2, std::string(8, 0x22)) + field(3, 2, "a=b") +
      field(4, 2, std::string(8, 0x33)) + field(5, 2, "n") + varint(6, 3) +
      field(7, 1, std::string("\1\0\0\0\0\0\0\0", 8)) + field(8, 1, std::string("\2\0\0\0\0\0\0\0", 8)) +
      field(9, 2, field(1, 2, "k") + field(2, 2, field(1, 2, "v"))) + field(15, 2, field(2, 2, "m") + varint(3, 2)) +
      field(16, 5, std::string("\1\1\0\0", 4));
  const std::string resource_bytes = field(1, 2, field(1, 2, "r") + field(2, 2, varint(3, 7)));
  const std::string scope_bytes = field(1, 2, "weft") + field(2, 2, "0.1.0");
  const std::string scope_spans = field(1, 2, scope_bytes) + field(2, 2, span_bytes).insert(2, "");
  const std::string expected_tail = resource_bytes;
  const std::string wire = encode_otlp({test::share(span)}, "0.1.0");
  CHECK(wire.find(span_bytes) != std::string::npos);
  CHECK(wire.find(field(1, 2, resource_bytes)) != std::string::npos);
  CHECK(wire.find(field(1, 2, scope_bytes)) != std::string::npos);
}

TEST_CASE("otlp: every field of a span comes back") {
  const Span span = test::sample_client_span();
  const Request request = decoded({test::share(span)});
  REQUIRE(request.resource_spans_size() == 1);
  REQUIRE(request.resource_spans(0).scope_spans_size() == 1);
  const auto& scope = request.resource_spans(0).scope_spans(0);
  CHECK(scope.scope().name() == "weft");
  CHECK(scope.scope().version() == "0.1.0");
  REQUIRE(scope.spans_size() == 1);
  const trace::Span& out = scope.spans(0);
  CHECK(out.trace_id() == bytes_of(span.trace_id.bytes));
  CHECK(out.span_id() == bytes_of(span.span_id.bytes));
  CHECK(out.parent_span_id() == bytes_of(span.parent_span_id.bytes));
  CHECK(out.trace_state() == "vendor=x");
  CHECK(out.name() == "POST");
  CHECK(out.kind() == trace::Span::SPAN_KIND_CLIENT);
  CHECK(out.start_time_unix_nano() == span.start_unix_ns);
  CHECK(out.end_time_unix_nano() == span.end_unix_ns);
  CHECK(out.status().code() == trace::Status::STATUS_CODE_ERROR);
  REQUIRE(out.links_size() == 1);
  CHECK(out.links(0).trace_id() == bytes_of(span.links[0].trace_id.bytes));
  REQUIRE(out.attributes_size() == static_cast<int>(span.attributes.size()));
  CHECK(out.attributes(2).key() == "server.port");
  CHECK(out.attributes(2).value().int_value() == 8081);
  CHECK(request.resource_spans(0).resource().attributes(0).value().string_value() == "front");
}

TEST_CASE("otlp: flags say whether the parent is remote") {
  const auto flags_of = [](const Span& span) {
    return decoded({test::share(span)}).resource_spans(0).scope_spans(0).spans(0).flags();
  };
  CHECK(flags_of(test::sample_server_span()) == 0x101);  // no parent
  CHECK(flags_of(test::sample_client_span()) == 0x101);  // local parent
  CHECK(flags_of(test::sample_remote_span()) == 0x301);
  Span unsampled = test::sample_remote_span();
  unsampled.flags = 2;
  CHECK(flags_of(unsampled) == 0x302);
}

TEST_CASE("otlp: a root has no parent id, an unset status no status, kinds have their numbers") {
  const Request request = decoded({test::share(test::sample_server_span())});
  const trace::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  CHECK(span.parent_span_id().empty());
  CHECK_FALSE(span.has_status());
  for (const auto kind :
       {SpanKind::internal, SpanKind::server, SpanKind::client, SpanKind::producer, SpanKind::consumer}) {
    Span other = test::sample_server_span();
    other.kind = kind;
    CHECK(decoded({test::share(other)}).resource_spans(0).scope_spans(0).spans(0).kind() == static_cast<int>(kind));
  }
}

TEST_CASE("otlp: what spans have in common is there with each of them, before its own") {
  const auto front = test::sample_resource("front"), back = test::sample_resource("back");
  const auto common_of = [](const std::string& text) {
    return std::make_shared<const CommonAttributes>(
        std::vector<Attribute>{{AttributeKey("url.path"), text}, {AttributeKey("n"), std::int64_t{1}}});
  };
  const std::shared_ptr<const CommonAttributes> commons[] = {nullptr, common_of("/a"),
                                                             common_of(std::string(300, 'b'))};
  SpanBatch batch;
  for (int i = 0; i < 30; i++) {
    Span span = test::sample_client_span();
    span.name = std::to_string(i);
    span.resource = i % 2 == 0 ? front : back;
    span.attributes.common = commons[i % 3];
    span.attributes.items.erase(span.attributes.items.begin() + i % 4, span.attributes.items.end());
    batch.push_back(test::share(span));
  }
  const Request request = decoded(batch);
  REQUIRE(request.resource_spans_size() == 2);
  for (int i = 0; i < 30; i++) {
    const trace::Span& out = request.resource_spans(i % 2).scope_spans(0).spans(i / 2);
    const Span& span = *batch[static_cast<std::size_t>(i)];
    CHECK(out.name() == span.name);
    CHECK(out.links_size() == 1);
    REQUIRE(out.attributes_size() == static_cast<int>(span.attributes.size()));
    int at = 0;
    for (const auto& [key, value] : span.attributes) {
      CHECK(out.attributes(at).key() == key);
      if (const auto* text = std::get_if<std::string>(&value))
        CHECK(out.attributes(at).value().string_value() == *text);
      else
        CHECK(out.attributes(at).value().int_value() == std::get<std::int64_t>(value));
      at++;
    }
  }
}

TEST_CASE("otlp: spans are grouped by resource, in order") {
  const auto front = test::sample_resource("front"), back = test::sample_resource("back");
  SpanBatch batch;
  for (int i = 0; i < 6; i++) {
    Span span = test::sample_server_span();
    span.name = std::to_string(i);
    span.resource = i % 2 == 0 ? front : back;
    batch.push_back(test::share(span));
  }
  const Request request = decoded(batch);
  REQUIRE(request.resource_spans_size() == 2);
  const auto& even = request.resource_spans(0).scope_spans(0);
  REQUIRE(even.spans_size() == 3);
  CHECK(even.spans(0).name() == "0");
  CHECK(even.spans(2).name() == "4");
  CHECK(request.resource_spans(1).resource().attributes(0).value().string_value() == "back");
}

TEST_CASE("otlp: text that is not UTF-8 is made so, or receivers would refuse the batch") {
  Span span = test::sample_server_span();
  span.name = "a\xff";
  span.attributes.set("k\xfe", std::string("\xc3"));
  const Request request = decoded({test::share(span)});
  const trace::Span& out = request.resource_spans(0).scope_spans(0).spans(0);
  CHECK(out.name() == "a\xef\xbf\xbd");
  const auto& last = out.attributes(out.attributes_size() - 1);
  CHECK(last.key() == "k\xef\xbf\xbd");
  CHECK(last.value().string_value() == "\xef\xbf\xbd");
}

TEST_CASE("otlp: endpoint is a base URL, traces endpoint is whole") {
  CHECK(otlp_traces_url({.endpoint = "http://h:4318"}) == "http://h:4318/v1/traces");
  CHECK(otlp_traces_url({.endpoint = "http://h:4318/"}) == "http://h:4318/v1/traces");
  CHECK(otlp_traces_url({.endpoint = "https://h/otlp"}) == "https://h/otlp/v1/traces");
  CHECK(otlp_traces_url({.endpoint = "http://h:4318", .traces_endpoint = "http://t/x"}) == "http://t/x");
}

TEST_CASE("zipkin: a client span, byte by byte") {
  const std::string expected =
      R"([{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","id":"00f067aa0ba90202","parentId":"00f067aa0ba90201",)"
      R"("name":"POST","kind":"CLIENT","timestamp":1700000000001000,"duration":8000,)"
      R"("localEndpoint":{"serviceName":"front"},)"
      R"("remoteEndpoint":{"serviceName":"stock.local","ipv4":"127.0.0.1","port":8081},)"
      R"("tags":{"http.request.method":"POST","server.address":"stock.local","server.port":"8081",)"
      R"("network.peer.address":"127.0.0.1","network.peer.port":"8081","http.response.status_code":"503",)"
      R"("network.protocol.version":"1.1","error.type":"503","error":"503","otel.status_code":"ERROR",)"
      R"("service.namespace":"shop","host.name":"node-1","process.pid":"4711","w3c.tracestate":"vendor=x",)"
      R"("otlp.link.0":"0af7651916cd43dd8448eb211c80319c|00f067aa0ba90209||{}|0",)"
      R"("otel.scope.name":"weft","otel.scope.version":"0.1.0"}}])";
  CHECK(encode_zipkin({test::share(test::sample_client_span())}, "0.1.0") == expected);
}

TEST_CASE("zipkin: kinds, roots, durations, endpoints") {
  Span span = test::sample_server_span();
  span.end_unix_ns = span.start_unix_ns + 3;
  const auto json_of = [](const Span& s) { return nlohmann::json::parse(encode_zipkin({test::share(s)}, "1"))[0]; };
  auto json = json_of(span);
  CHECK(json["kind"] == "SERVER");
  CHECK_FALSE(json.contains("parentId"));
  CHECK_FALSE(json.contains("remoteEndpoint"));
  CHECK_FALSE(json["tags"].contains("error"));
  CHECK_FALSE(json["tags"].contains("otel.status_code"));
  CHECK(json["duration"] == 1);  // never 0

  span.kind = SpanKind::internal;
  CHECK_FALSE(json_of(span).contains("kind"));

  Span client = test::sample_client_span();
  client.status_message = "no answer";
  client.attributes.set("network.peer.address", std::string("::1"));
  client.attributes.set("server.address", std::string("::1"));
  client.attributes.set("error", std::string("of the application"));
  json = json_of(client);
  CHECK(json["remoteEndpoint"] == nlohmann::json{{"ipv6", "::1"}, {"port", 8081}});
  CHECK(json["tags"]["error"] == "no answer");
  for (const auto& [key, value] : json["tags"].items()) CHECK_MESSAGE(value.is_string(), key);
  CHECK(nlohmann::json::parse(encode_zipkin({test::share(span), test::share(client)}, "1")).size() == 2);
}

}  // namespace
}  // namespace weft
