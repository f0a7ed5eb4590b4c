// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/arena.h>

#include <unordered_map>

#include "base/utf8.h"
#include "exporter/otlp/otlp_exporter.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace weft {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace trace = opentelemetry::proto::trace::v1;
namespace collector = opentelemetry::proto::collector::trace::v1;

// Span.flags beyond the W3C byte.
constexpr std::uint32_t has_is_remote = 0x100;
constexpr std::uint32_t is_remote = 0x200;

template <std::size_t n>
std::string bytes_of(const std::array<std::uint8_t, n>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), n};
}

void set_value(common::AnyValue& out, const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (is_utf8(*text))
      out.set_string_value(*text);
    else
      out.set_string_value(to_utf8(*text));
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    out.set_int_value(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    out.set_double_value(*real);
  } else {
    out.set_bool_value(std::get<bool>(value));
  }
}

template <class Message>
void add_attributes(Message& message, const Attributes& attributes) {
  for (const auto& [key, value] : attributes) {
    common::KeyValue& out = *message.add_attributes();
    out.set_key(to_utf8(key));
    set_value(*out.mutable_value(), value);
  }
}

void fill(trace::Span& out, const Span& span) {
  out.set_trace_id(bytes_of(span.trace_id.bytes));
  out.set_span_id(bytes_of(span.span_id.bytes));
  if (span.parent_span_id.valid()) out.set_parent_span_id(bytes_of(span.parent_span_id.bytes));
  out.set_trace_state(to_utf8(span.trace_state));
  out.set_flags(span.flags | has_is_remote | (span.parent_span_id.valid() && span.parent_is_remote ? is_remote : 0));
  out.set_name(to_utf8(span.name));
  out.set_kind(static_cast<trace::Span::SpanKind>(span.kind));  // SpanKind has the numbers of OTLP
  out.set_start_time_unix_nano(span.start_unix_ns);
  out.set_end_time_unix_nano(span.end_unix_ns);
  add_attributes(out, span.attributes);
  for (const SpanLink& link : span.links) {
    trace::Span::Link& other = *out.add_links();
    other.set_trace_id(bytes_of(link.trace_id.bytes));
    other.set_span_id(bytes_of(link.span_id.bytes));
  }
  if (span.status != StatusCode::unset) {
    out.mutable_status()->set_code(static_cast<trace::Status::StatusCode>(span.status));
    if (span.status == StatusCode::error) out.mutable_status()->set_message(to_utf8(span.status_message));
  }
}

trace::ScopeSpans& add_resource(collector::ExportTraceServiceRequest& request, const Resource* resource,
                                const std::string& version) {
  trace::ResourceSpans& spans = *request.add_resource_spans();
  if (resource != nullptr) add_attributes(*spans.mutable_resource(), resource->attributes);
  trace::ScopeSpans& scope = *spans.add_scope_spans();
  scope.mutable_scope()->set_name("weft");
  scope.mutable_scope()->set_version(version);
  return scope;
}

}  // namespace

std::string encode_otlp(const SpanBatch& batch, const std::string& version) {
  google::protobuf::Arena arena;
  auto& request = *google::protobuf::Arena::CreateMessage<collector::ExportTraceServiceRequest>(&arena);
  std::unordered_map<const Resource*, trace::ScopeSpans*> scopes;  // a process's spans share one Resource object
  for (const SpanPtr& span : batch) {
    trace::ScopeSpans*& scope = scopes[span->resource.get()];
    if (scope == nullptr) scope = &add_resource(request, span->resource.get(), version);
    fill(*scope->add_spans(), *span);
  }
  return request.SerializeAsString();
}

}  // namespace weft
