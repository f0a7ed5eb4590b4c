// SPDX-License-Identifier: Apache-2.0
// Random spans as OTLP, read back by the classes that protoc made: each field is there, and nothing else.
#include <doctest/doctest.h>

#include <bit>
#include <limits>
#include <map>
#include <random>

#include "base/utf8.h"
#include "exporter/otlp/otlp_exporter.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace weft {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace trace = opentelemetry::proto::trace::v1;

class RandomSpans {
 public:
  explicit RandomSpans(unsigned seed) : random_(seed) {
    for (int i = 0; i < 3; i++) {
      Resource resource;
      for (int n = upto(4); n > 0; n--) resource.attributes.items.push_back(attribute());
      resources_.push_back(std::make_shared<const Resource>(std::move(resource)));
      commons_.push_back(std::make_shared<const CommonAttributes>(attributes()));
    }
    resources_.push_back(nullptr);
    commons_.push_back(nullptr);
  }

  SpanPtr next() {
    Span span;
    fill(span.trace_id.bytes);
    fill(span.span_id.bytes);
    if (upto(2)) fill(span.parent_span_id.bytes);
    span.parent_is_remote = upto(1);
    span.flags = static_cast<std::uint8_t>(upto(255));
    span.trace_state = text();
    span.name = text();
    span.kind = static_cast<SpanKind>(1 + upto(4));
    span.start_unix_ns = number();
    span.end_unix_ns = number();
    span.status = static_cast<StatusCode>(upto(2));
    span.status_message = text();
    span.attributes = {commons_[static_cast<std::size_t>(upto(3))], attributes()};
    span.resource = resources_[static_cast<std::size_t>(upto(3))];
    for (int n = upto(2); n > 0; n--) {
      span.links.emplace_back();
      fill(span.links.back().trace_id.bytes);
      fill(span.links.back().span_id.bytes);
    }
    return std::make_shared<const Span>(std::move(span));
  }

 private:
  int upto(int most) { return static_cast<int>(random_() % (static_cast<unsigned>(most) + 1)); }
  void fill(auto& bytes) {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(upto(255));
  }
  std::uint64_t number() {  // of every length, 0 among them
    return random_() >> upto(63) >> upto(1);
  }
  std::string text() {
    static const std::string pieces[] = {
        "",     "a",    "/orders/17",   "\xc3\xa4",           "\xe2\x82\xac",       "\xf0\x9f\x90\x9d",
        "\xff", "\xc3", "\xed\xa0\x80", std::string(1, '\0'), std::string(150, 'x')};
    std::string all;
    for (int n = upto(3); n > 0; n--) all += pieces[upto(static_cast<int>(std::size(pieces)) - 1)];
    return all;
  }
  AttributeValue value() {
    switch (upto(5)) {
      case 0:
        return static_cast<std::int64_t>(number());
      case 1:
        return -static_cast<std::int64_t>(number() >> 1);
      case 2:
        return std::bit_cast<double>(random_());
      case 3:
        return upto(1) == 1;
      default:
        return text();
    }
  }
  Attribute attribute() {
    if (upto(1)) return {AttributeKey("network.peer.port"), value()};
    return {AttributeKey::copied(text()), value()};
  }
  std::vector<Attribute> attributes() {
    std::vector<Attribute> all;
    for (int n = upto(5); n > 0; n--) all.push_back(attribute());
    return all;
  }

  std::mt19937_64 random_;
  std::vector<std::shared_ptr<const Resource>> resources_;
  std::vector<std::shared_ptr<const CommonAttributes>> commons_;
};

template <std::size_t n>
std::string bytes_of(const std::array<std::uint8_t, n>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), n};
}

// As the classes write them: one message by its fields.
void fill(common::AnyValue& out, const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) out.set_string_value(to_utf8(*text));
  if (const auto* number = std::get_if<std::int64_t>(&value)) out.set_int_value(*number);
  if (const auto* real = std::get_if<double>(&value)) out.set_double_value(*real);
  if (const auto* flag = std::get_if<bool>(&value)) out.set_bool_value(*flag);
}

void add(auto& message, const auto& attributes) {
  for (const auto& [key, value] : attributes) {
    common::KeyValue& out = *message.add_attributes();
    out.set_key(to_utf8(key));
    fill(*out.mutable_value(), value);
  }
}

trace::Span as_message(const Span& span) {
  trace::Span out;
  out.set_trace_id(bytes_of(span.trace_id.bytes));
  out.set_span_id(bytes_of(span.span_id.bytes));
  const bool parent = span.parent_span_id.valid();
  if (parent) out.set_parent_span_id(bytes_of(span.parent_span_id.bytes));
  out.set_trace_state(to_utf8(span.trace_state));
  out.set_flags(span.flags | 0x100u | (parent && span.parent_is_remote ? 0x200u : 0u));
  out.set_name(to_utf8(span.name));
  out.set_kind(static_cast<trace::Span::SpanKind>(span.kind));
  out.set_start_time_unix_nano(span.start_unix_ns);
  out.set_end_time_unix_nano(span.end_unix_ns);
  add(out, span.attributes);
  for (const SpanLink& link : span.links) {
    trace::Span::Link& other = *out.add_links();
    other.set_trace_id(bytes_of(link.trace_id.bytes));
    other.set_span_id(bytes_of(link.span_id.bytes));
  }
  if (span.status == StatusCode::unset) return out;
  out.mutable_status()->set_code(static_cast<trace::Status::StatusCode>(span.status));
  if (span.status == StatusCode::error) out.mutable_status()->set_message(to_utf8(span.status_message));
  return out;
}

}  // namespace

TEST_CASE("otlp: any span is read back as what the classes make of it") {
  std::string body = "of before";
  for (unsigned seed = 1; seed <= 40; seed++) {
    RandomSpans spans(seed);
    SpanBatch batch;
    for (int i = 0; i < 50; i++) batch.push_back(spans.next());
    opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest request;
    body = encode_otlp(batch, "0.1.0", std::move(body));
    REQUIRE(request.ParseFromString(body));
    std::map<const Resource*, int> order;
    std::map<const Resource*, int> count;
    for (const SpanPtr& span : batch) {
      const Resource* resource = span->resource.get();
      const int place = order.try_emplace(resource, static_cast<int>(order.size())).first->second;
      REQUIRE(place < request.resource_spans_size());
      const trace::ResourceSpans& of_one = request.resource_spans(place);
      trace::ResourceSpans about;
      if (resource) add(*about.mutable_resource(), resource->attributes);
      CHECK(of_one.resource().SerializeAsString() == about.resource().SerializeAsString());
      CHECK(of_one.has_resource() == (resource != nullptr));
      const trace::Span& out = of_one.scope_spans(0).spans(count[resource]++);
      CHECK(out.SerializeAsString() == as_message(*span).SerializeAsString());
    }
    CHECK(request.resource_spans_size() == static_cast<int>(order.size()));
    for (const auto& [resource, place] : order)
      CHECK(request.resource_spans(place).scope_spans(0).spans_size() == count[resource]);
  }
}

}  // namespace weft
