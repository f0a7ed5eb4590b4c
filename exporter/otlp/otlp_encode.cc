// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fetch.h"
#include "base/utf8.h"
#include "exporter/otlp/otlp_exporter.h"
#include "exporter/otlp/proto_fields.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace weft {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace trace = opentelemetry::proto::trace::v1;
namespace collector = opentelemetry::proto::collector::trace::v1;

// Span.flags beyond the W3C byte.
constexpr std::uint32_t has_is_remote = 0x100;
constexpr std::uint32_t is_remote = 0x200;

using Lite = ProtoFields::Lite;

// An AnyValue that is no text.
std::uint8_t* write_number(const AttributeValue& value, std::uint8_t* at) {
  if (const auto* number = std::get_if<std::int64_t>(&value))
    return Lite::WriteInt64ToArray(common::AnyValue::kIntValueFieldNumber, *number, at);
  if (const auto* real = std::get_if<double>(&value))
    return Lite::WriteDoubleToArray(common::AnyValue::kDoubleValueFieldNumber, *real, at);
  return Lite::WriteBoolToArray(common::AnyValue::kBoolValueFieldNumber, std::get<bool>(value), at);
}

std::size_t size_of_number(const AttributeValue& value) {
  std::array<std::uint8_t, ProtoFields::kAtOnce> room;
  return static_cast<std::size_t>(write_number(value, room.data()) - room.data());
}

// Spans and resources: their attributes are fields of different numbers.
class Encoder {
 public:
  // Without the attributes that it has in common with others, at the end of `out`.
  void span(const Span& span, std::string& out) {
    ProtoFields fields(out);
    fields.bytes(trace::Span::kTraceIdFieldNumber, span.trace_id.bytes);
    fields.bytes(trace::Span::kSpanIdFieldNumber, span.span_id.bytes);
    fields.text(trace::Span::kTraceStateFieldNumber, as_utf8(span.trace_state, text_));
    if (span.parent_span_id.valid()) fields.bytes(trace::Span::kParentSpanIdFieldNumber, span.parent_span_id.bytes);
    fields.text(trace::Span::kNameFieldNumber, as_utf8(span.name, text_));
    fields.put([&](std::uint8_t* at) {
      at = Lite::WriteEnumToArray(trace::Span::kKindFieldNumber, static_cast<int>(span.kind), at);  // OTLP's numbers
      at = Lite::WriteFixed64ToArray(trace::Span::kStartTimeUnixNanoFieldNumber, span.start_unix_ns, at);
      return Lite::WriteFixed64ToArray(trace::Span::kEndTimeUnixNanoFieldNumber, span.end_unix_ns, at);
    });
    attributes(trace::Span::kAttributesFieldNumber, span.attributes.items, out);
    for (const SpanLink& link : span.links) {
      fields.begin(trace::Span::kLinksFieldNumber,
                   size_with_head(link.trace_id.bytes.size()) + size_with_head(link.span_id.bytes.size()));
      fields.bytes(trace::Span::Link::kTraceIdFieldNumber, link.trace_id.bytes);
      fields.bytes(trace::Span::Link::kSpanIdFieldNumber, link.span_id.bytes);
    }
    if (span.status != StatusCode::unset) status(span, fields);
    const bool remote = span.parent_span_id.valid() && span.parent_is_remote;
    fields.put([&](std::uint8_t* at) {
      return Lite::WriteFixed32ToArray(trace::Span::kFlagsFieldNumber,
                                       span.flags | has_is_remote | (remote ? is_remote : 0), at);
    });
  }

  void attributes(int number, const auto& attributes, std::string& out) {
    ProtoFields fields(out);
    for (const auto& [name, value] : attributes) {
      const std::string_view key = name.owned() ? as_utf8(name, key_) : name.text();
      const auto* text = std::get_if<std::string>(&value);
      const std::string_view shown = text ? as_utf8(*text, text_) : std::string_view();
      const std::size_t bytes = text ? size_with_head(shown.size()) : size_of_number(value);
      fields.begin(number, (key.empty() ? 0 : size_with_head(key.size())) + size_with_head(bytes));
      fields.text(common::KeyValue::kKeyFieldNumber, key);
      fields.begin(common::KeyValue::kValueFieldNumber, bytes);
      if (text)
        fields.bytes(common::AnyValue::kStringValueFieldNumber, shown);
      else
        fields.put([&](std::uint8_t* at) { return write_number(value, at); });
    }
  }

 private:
  void status(const Span& span, ProtoFields& fields) {
    const bool failed = span.status == StatusCode::error && !span.status_message.empty();
    const std::string_view message = failed ? as_utf8(span.status_message, text_) : std::string_view();
    constexpr std::size_t kCode = 2;  // its tag, and a number below 128
    fields.begin(trace::Span::kStatusFieldNumber, (failed ? size_with_head(message.size()) : 0) + kCode);
    fields.text(trace::Status::kMessageFieldNumber, message);
    fields.put([&](std::uint8_t* at) {
      return Lite::WriteEnumToArray(trace::Status::kCodeFieldNumber, static_cast<int>(span.status), at);
    });
  }

  std::string key_, text_;  // what is not UTF-8 as it is
};

// Two encodings of a message, one after the other, are the message with the fields of both (protobuf, "Encoding"): what
// many spans have in common is encoded once. The request is put together when all its lengths are known.
class Request {
 public:
  void add(const Span& span) {
    const std::size_t before = own_.size();
    encoder_.span(span, own_);
    OfSpan encoded{.common = common_of(span.attributes.common.get()), .begin = before, .end = own_.size()};
    OfResource& resource = of(span.resource.get());
    resource.bytes += size_with_head(encoded.bytes());
    resource.spans.push_back(encoded);
  }

  std::string encoded(const std::string& version, std::string all) {
    trace::ScopeSpans about_scope;
    about_scope.mutable_scope()->set_name("weft");
    about_scope.mutable_scope()->set_version(version);
    const std::string scope = about_scope.SerializeAsString();
    std::size_t bytes = 0;
    for (OfResource& resource : resources_) {
      resource.about = about(resource.resource);
      bytes += size_with_head(resource.about.size() + size_with_head(scope.size() + resource.bytes));
    }
    all.clear();
    all.reserve(bytes);
    ProtoFields fields(all);
    for (const OfResource& resource : resources_) {
      const std::size_t of_scope = scope.size() + resource.bytes;
      fields.begin(collector::ExportTraceServiceRequest::kResourceSpansFieldNumber,
                   resource.about.size() + size_with_head(of_scope));
      all.append(resource.about);
      fields.begin(trace::ResourceSpans::kScopeSpansFieldNumber, of_scope);
      all.append(scope);
      for (const OfSpan& span : resource.spans) {
        fields.begin(trace::ScopeSpans::kSpansFieldNumber, span.bytes());
        all.append(*span.common).append(own_, span.begin, span.end - span.begin);
      }
    }
    return all;
  }

 private:
  struct OfSpan {
    const std::string* common;
    std::size_t begin, end;  // of the rest, in own_
    std::size_t bytes() const { return common->size() + end - begin; }
  };
  struct OfResource {
    const Resource* resource;
    std::vector<OfSpan> spans;
    std::size_t bytes = 0;  // of these, with their heads
    std::string about;      // the beginning of its ResourceSpans
  };

  std::string about(const Resource* resource) {
    std::string all, inner;
    if (resource == nullptr) return all;
    encoder_.attributes(opentelemetry::proto::resource::v1::Resource::kAttributesFieldNumber, resource->attributes,
                        inner);
    ProtoFields(all).bytes(trace::ResourceSpans::kResourceFieldNumber, inner);
    return all;
  }
  const std::string* common_of(const CommonAttributes* common) {
    const auto [known, made] = commons_.try_emplace(common);
    if (made && common != nullptr)
      encoder_.attributes(trace::Span::kAttributesFieldNumber, common->items, known->second);
    return &known->second;
  }
  // A process's spans share one Resource object.
  OfResource& of(const Resource* resource) {
    const auto known = std::ranges::find(resources_, resource, &OfResource::resource);
    return known != resources_.end() ? *known : resources_.emplace_back(resource);
  }

  std::vector<OfResource> resources_;  // in order of their first span
  std::unordered_map<const CommonAttributes*, std::string> commons_;
  Encoder encoder_;
  std::string own_;  // what spans do not have in common, one after the other
};

}  // namespace

std::string encode_otlp(const SpanBatch& batch, const std::string& version, std::string memory) {
  Request request;
  // Another processor wrote the spans.
  for (std::size_t i = 0; i < batch.size(); i++) {
    if (i + 4 < batch.size()) fetch(batch[i + 4].get(), sizeof(Span));
    if (i + 2 < batch.size()) fetch(batch[i + 2]->attributes.items.data(), 3 * sizeof(Attribute));
    request.add(*batch[i]);
  }
  return request.encoded(version, std::move(memory));
}

}  // namespace weft
