// SPDX-License-Identifier: Apache-2.0
// Span -> Zipkin v2 span, after "SDK: Zipkin exporter" of the OpenTelemetry specification.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "exporter/text.h"
#include "exporter/zipkin/zipkin_exporter.h"

namespace weft {
namespace {

// Zipkin has no resource; what tells instances apart goes along as tags, the rest would be the same on every span.
constexpr std::array<std::string_view, 11> resource_tags{
    "service.namespace", "service.version",     "service.instance.id", "deployment.environment.name",
    "host.name",         "process.pid",         "container.id",        "k8s.namespace.name",
    "k8s.pod.name",      "k8s.deployment.name", "k8s.node.name"};

// An object under construction: commas and keys.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  void close() { out_ += '}'; }
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json(key(name), value); }
  void number(std::string_view name, std::uint64_t value) { append_json(key(name), value); }

 private:
  std::string& out_;
  bool first_ = true;
};

int address_family(const std::string& address) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return AF_INET;
  return inet_pton(AF_INET6, address.c_str(), bytes) == 1 ? AF_INET6 : 0;
}

std::uint64_t port_of(const Span& span, std::string_view key) {
  const AttributeValue* value = span.attributes.find(key);
  const auto* number = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
  return number != nullptr && *number > 0 && *number < 65536 ? static_cast<std::uint64_t>(*number) : 0;
}

// A name where there is one (peer.service, then a host name), and the address the connection really went to.
void add_remote_endpoint(Members& members, const Span& span) {
  const std::string server = span.attributes.text("server.address");
  std::string name = span.attributes.text("peer.service");
  std::string address = span.attributes.text("network.peer.address");
  std::uint64_t port = port_of(span, "network.peer.port");
  if (name.empty() && address_family(server) == 0) name = server;
  if (address.empty() && address_family(server) != 0) address = server;
  if (port == 0) port = port_of(span, "server.port");
  const int family = address_family(address);
  if (name.empty() && family == 0) return;
  Members endpoint(members.key("remoteEndpoint"));
  if (!name.empty()) endpoint.text("serviceName", name);
  if (family != 0) endpoint.text(family == AF_INET ? "ipv4" : "ipv6", address);
  if (port != 0) endpoint.number("port", port);
  endpoint.close();
}

std::string error_text(const Span& span) {
  if (!span.status_message.empty()) return span.status_message;
  const std::string type = span.attributes.text("error.type");
  return type.empty() ? "true" : type;
}

void add_tags(Members& members, const Span& span, const std::string& version) {
  Members tags(members.key("tags"));
  const bool error = span.status == StatusCode::error;
  for (const auto& [key, value] : span.attributes)
    if (!(key == "error" || key == "otel.status_code")) tags.text(key, to_text(value));  // these two are ours
  if (error) tags.text("error", error_text(span));
  if (span.status != StatusCode::unset) tags.text("otel.status_code", to_string(span.status));
  if (span.resource)
    for (const std::string_view key : resource_tags)
      if (const AttributeValue* value = span.resource->attributes.find(key);
          value != nullptr && span.attributes.find(key) == nullptr)
        tags.text(key, to_text(*value));
  if (!span.trace_state.empty()) tags.text("w3c.tracestate", span.trace_state);
  // The form that the OpenTelemetry Collector reads back: trace|span|tracestate|attributes|dropped.
  for (std::size_t i = 0; i < span.links.size(); i++)
    tags.text("otlp.link." + std::to_string(i),
              span.links[i].trace_id.hex() + "|" + span.links[i].span_id.hex() + "||{}|0");
  tags.text("otel.scope.name", "weft");
  tags.text("otel.scope.version", version);
  tags.close();
}

void add_span(std::string& out, const Span& span, const std::string& version) {
  const bool outgoing = span.kind == SpanKind::client || span.kind == SpanKind::producer;
  const std::uint64_t duration_us = (span.end_unix_ns - std::min(span.start_unix_ns, span.end_unix_ns)) / 1000;
  Members members(out);
  members.text("traceId", span.trace_id.hex());
  members.text("id", span.span_id.hex());
  if (span.parent_span_id.valid()) members.text("parentId", span.parent_span_id.hex());
  members.text("name", span.name);
  if (span.kind != SpanKind::internal) members.text("kind", to_string(span.kind));
  members.number("timestamp", span.start_unix_ns / 1000);
  members.number("duration", std::max<std::uint64_t>(duration_us, 1));
  Members local(members.key("localEndpoint"));
  local.text("serviceName", span.resource ? span.resource->service_name : "unknown_service");
  local.close();
  if (outgoing) add_remote_endpoint(members, span);
  add_tags(members, span, version);
  members.close();
}

}  // namespace

std::string encode_zipkin(const SpanBatch& batch, const std::string& version) {
  std::string out;
  out.reserve(batch.size() * 1024 + 2);
  out += '[';
  for (const SpanPtr& span : batch) {
    if (out.size() > 1) out += ',';
    add_span(out, *span, version);
  }
  out += ']';
  return out;
}

}  // namespace weft
