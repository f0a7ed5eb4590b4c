// SPDX-License-Identifier: Apache-2.0
// Spans for tests of exporters and of everything that shows spans: one request from a front to a back.
#pragma once

#include <memory>
#include <string>

#include "span/span.h"

namespace weft::test {

inline std::shared_ptr<const Resource> sample_resource(const std::string& service) {
  Resource resource{.service_name = service, .attributes = {}};
  resource.attributes.set("service.name", service);
  resource.attributes.set("service.namespace", std::string("shop"));
  resource.attributes.set("host.name", std::string("node-1"));
  resource.attributes.set("process.pid", std::int64_t{4711});
  return std::make_shared<const Resource>(std::move(resource));
}

inline TraceId sample_trace_id() { return *TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736"); }
inline SpanId sample_span_id(std::uint8_t number) {
  SpanId id{{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0x00}};
  id.bytes[7] = number;
  return id;
}

inline Span sample_server_span() {
  Span span;
  span.trace_id = sample_trace_id();
  span.span_id = sample_span_id(1);
  span.flags = 1;
  span.name = "GET /orders/{id}";
  span.kind = SpanKind::server;
  span.start_unix_ns = 1'700'000'000'000'000'000;
  span.end_unix_ns = span.start_unix_ns + 12'400'000;
  span.attributes.set("http.request.method", std::string("GET"));
  span.attributes.set("url.path", std::string("/orders/17"));
  span.attributes.set("http.route", std::string("/orders/{id}"));
  span.attributes.set("http.response.status_code", std::int64_t{200});
  span.attributes.set("network.protocol.version", std::string("1.1"));
  span.resource = sample_resource("front");
  span.baggage = {{"tenant", "acme"}, {"env", "prod"}};
  return span;
}

inline Span sample_client_span() {
  Span span;
  span.trace_id = sample_trace_id();
  span.span_id = sample_span_id(2);
  span.parent_span_id = sample_span_id(1);
  span.flags = 1;
  span.trace_state = "vendor=x";
  span.name = "POST";
  span.kind = SpanKind::client;
  span.start_unix_ns = 1'700'000'000'001'000'000;
  span.end_unix_ns = span.start_unix_ns + 8'000'500;
  span.status = StatusCode::error;
  span.attributes.set("http.request.method", std::string("POST"));
  span.attributes.set("server.address", std::string("stock.local"));
  span.attributes.set("server.port", std::int64_t{8081});
  span.attributes.set("network.peer.address", std::string("127.0.0.1"));
  span.attributes.set("network.peer.port", std::int64_t{8081});
  span.attributes.set("http.response.status_code", std::int64_t{503});
  span.attributes.set("network.protocol.version", std::string("1.1"));
  span.attributes.set("error.type", std::string("503"));
  span.resource = sample_resource("front");
  span.links = {{*TraceId::parse("0af7651916cd43dd8448eb211c80319c"), sample_span_id(9)}};
  span.baggage = {{"tenant", "acme"}, {"env", "prod"}};
  return span;
}

// The other end of sample_client_span(), in another process.
inline Span sample_remote_span() {
  Span span = sample_server_span();
  span.span_id = sample_span_id(3);
  span.parent_span_id = sample_span_id(2);
  span.parent_is_remote = true;
  span.name = "POST /stock";
  span.start_unix_ns += 2'000'000;
  span.end_unix_ns = span.start_unix_ns + 6'000'000;
  span.status = StatusCode::error;
  span.attributes.set("http.request.method", std::string("POST"));
  span.attributes.set("http.response.status_code", std::int64_t{503});
  span.attributes.set("error.type", std::string("503"));
  span.resource = sample_resource("stock");
  return span;
}

inline SpanPtr share(Span span) { return std::make_shared<const Span>(std::move(span)); }

}  // namespace weft::test
