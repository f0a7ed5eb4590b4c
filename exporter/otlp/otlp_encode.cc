// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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

void set_value(common::AnyValue& out, const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (is_utf8(*text))
      out.set_string_value(text->data(), text->size());
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
void add_attributes(Message& message, const auto& attributes) {
  for (const auto& [key, value] : attributes) {
    common::KeyValue& out = *message.add_attributes();
    out.set_key(to_utf8(key));
    set_value(*out.mutable_value(), value);
  }
}

// Without the attributes that it has in common with others.
void fill(trace::Span& out, const Span& span) {
  out.set_trace_id(span.trace_id.bytes.data(), span.trace_id.bytes.size());
  out.set_span_id(span.span_id.bytes.data(), span.span_id.bytes.size());
  if (span.parent_span_id.valid())
    out.set_parent_span_id(span.parent_span_id.bytes.data(), span.parent_span_id.bytes.size());
  if (!span.trace_state.empty()) out.set_trace_state(to_utf8(span.trace_state));
  out.set_flags(span.flags | has_is_remote | (span.parent_span_id.valid() && span.parent_is_remote ? is_remote : 0));
  out.set_name(to_utf8(span.name));
  out.set_kind(static_cast<trace::Span::SpanKind>(span.kind));  // SpanKind has the numbers of OTLP
  out.set_start_time_unix_nano(span.start_unix_ns);
  out.set_end_time_unix_nano(span.end_unix_ns);
  add_attributes(out, span.attributes.items);
  for (const SpanLink& link : span.links) {
    trace::Span::Link& other = *out.add_links();
    other.set_trace_id(link.trace_id.bytes.data(), link.trace_id.bytes.size());
    other.set_span_id(link.span_id.bytes.data(), link.span_id.bytes.size());
  }
  if (span.status != StatusCode::unset) {
    out.mutable_status()->set_code(static_cast<trace::Status::StatusCode>(span.status));
    if (span.status == StatusCode::error) out.mutable_status()->set_message(to_utf8(span.status_message));
  }
}

// The head of a message within a message, of which `bytes` follow.
void begin_field(int number, std::size_t bytes, std::string& out) {
  using google::protobuf::internal::WireFormatLite;
  using google::protobuf::io::CodedOutputStream;
  std::array<std::uint8_t, 16> head;
  std::uint8_t* end = CodedOutputStream::WriteTagToArray(
      WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), head.data());
  end = CodedOutputStream::WriteVarint64ToArray(bytes, end);
  out.append(reinterpret_cast<const char*>(head.data()), static_cast<std::size_t>(end - head.data()));
}

// Two encodings of a message, one after the other, are the message with the fields of both (protobuf, "Encoding"): what
// many spans have in common is encoded once.
class Request {
 public:
  void add(const Span& span) {
    own_.Clear();
    fill(own_, span);
    const std::string& common = common_of(span.attributes.common.get());
    std::string& out = spans_of(span.resource.get());
    begin_field(trace::ScopeSpans::kSpansFieldNumber, common.size() + own_.ByteSizeLong(), out);
    out.append(common);
    own_.AppendToString(&out);
  }

  std::string encoded(const std::string& version) const {
    trace::ScopeSpans about_scope;
    about_scope.mutable_scope()->set_name("weft");
    about_scope.mutable_scope()->set_version(version);
    const std::string scope = about_scope.SerializeAsString();
    std::string all;
    for (const auto& [resource, spans] : resources_) {
      trace::ResourceSpans about_resource;
      if (resource != nullptr) add_attributes(*about_resource.mutable_resource(), resource->attributes);
      std::string of_one = about_resource.SerializeAsString();
      begin_field(trace::ResourceSpans::kScopeSpansFieldNumber, scope.size() + spans.size(), of_one);
      begin_field(collector::ExportTraceServiceRequest::kResourceSpansFieldNumber,
                  of_one.size() + scope.size() + spans.size(), all);
      all.append(of_one).append(scope).append(spans);
    }
    return all;
  }

 private:
  const std::string& common_of(const CommonAttributes* common) {
    const auto [known, made] = commons_.try_emplace(common);
    if (made && common != nullptr) {
      trace::Span span;
      add_attributes(span, common->items);
      known->second = span.SerializeAsString();
    }
    return known->second;
  }
  // A process's spans share one Resource object.
  std::string& spans_of(const Resource* resource) {
    const auto known = std::ranges::find(resources_, resource, &OfResource::first);
    return known != resources_.end() ? known->second : resources_.emplace_back(resource, "").second;
  }

  using OfResource = std::pair<const Resource*, std::string>;
  std::vector<OfResource> resources_;  // in order of their first span
  std::unordered_map<const CommonAttributes*, std::string> commons_;
  trace::Span own_;  // of the span at hand; kept for its memory
};

}  // namespace

std::string encode_otlp(const SpanBatch& batch, const std::string& version) {
  Request request;
  for (const SpanPtr& span : batch) request.add(*span);
  return request.encoded(version);
}

}  // namespace weft
