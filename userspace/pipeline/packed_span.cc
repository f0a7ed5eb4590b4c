// SPDX-License-Identifier: Apache-2.0
#include "pipeline/packed_span.h"

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace weft {
namespace {

struct Head {
  TraceId trace_id;
  SpanId span_id, parent_span_id;
  std::uint64_t start_unix_ns, end_unix_ns;
  std::uint32_t size;  // of all
  std::uint32_t attributes, links, baggage;
  SpanKind kind;
  StatusCode status;
  std::uint8_t flags;
  bool parent_is_remote;
  std::uint32_t reserved;
};
static_assert(std::is_trivially_copyable_v<Head> && std::is_trivially_copyable_v<SpanLink>);
static_assert(std::has_unique_object_representations_v<Head>);  // no padding

// The two passes of packing: how much, then the bytes.
struct Counter {
  std::size_t size = 0;
  void bytes(const void*, std::size_t count) { size += count; }
};
struct Writer {
  std::byte* at;
  void bytes(const void* from, std::size_t count) {
    if (count > 0) std::memcpy(at, from, count);
    at += count;
  }
};

template <class T>
void put(auto& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.bytes(static_cast<const void*>(&value), sizeof value);
}

void put_text(auto& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.bytes(text.data(), text.size());
}

// A constant is kept as what it is: a place in this program.
void put_key(auto& out, const AttributeKey& key) {
  put(out, key.owned());
  if (key.owned()) return put_text(out, key);
  put(out, key.text().data());
  put(out, static_cast<std::uint32_t>(key.text().size()));
}

void put_value(auto& out, const AttributeValue& value) {
  put(out, static_cast<std::uint8_t>(value.index()));
  std::visit(
      [&](const auto& typed) {
        if constexpr (std::is_same_v<std::decay_t<decltype(typed)>, std::string>)
          put_text(out, typed);
        else
          put(out, typed);
      },
      value);
}

void put_span(auto& out, const Span& span, const auto& attributes, std::size_t size) {
  // Field by field: what is put together elsewhere and copied from there as one waits for all writes before it.
  put(out, span.trace_id);
  put(out, span.span_id);
  put(out, span.parent_span_id);
  put(out, span.start_unix_ns);
  put(out, span.end_unix_ns);
  put(out, static_cast<std::uint32_t>(size));
  put(out, static_cast<std::uint32_t>(attributes.size()));
  put(out, static_cast<std::uint32_t>(span.links.size()));
  put(out, static_cast<std::uint32_t>(span.baggage.size()));
  put(out, span.kind);
  put(out, span.status);
  put(out, span.flags);
  put(out, span.parent_is_remote);
  put(out, std::uint32_t{0});
  put_text(out, span.name);
  put_text(out, span.trace_state);
  put_text(out, span.status_message);
  for (const auto& [key, value] : attributes) {
    put_key(out, key);
    put_value(out, value);
  }
  for (const SpanLink& link : span.links) put(out, link);
  for (const auto& [key, value] : span.baggage) {
    put_text(out, key);
    put_text(out, value);
  }
}

struct Reader {
  const std::byte* at;

  template <class T>
  T take() {
    T value;
    std::memcpy(static_cast<void*>(&value), at, sizeof value);
    at += sizeof value;
    return value;
  }
  std::string_view text() {
    const auto size = take<std::uint32_t>();
    const auto* from = reinterpret_cast<const char*>(at);
    at += size;
    return {from, size};
  }
  AttributeKey key() {
    if (take<bool>()) return AttributeKey::copied(text());
    const auto* data = take<const char*>();
    return AttributeKey::constant({data, take<std::uint32_t>()});
  }
  AttributeValue value() {
    switch (take<std::uint8_t>()) {
      case 0:
        return std::string(text());
      case 1:
        return take<std::int64_t>();
      case 2:
        return take<double>();
      default:
        return take<bool>();
    }
  }
};
static_assert(std::is_same_v<AttributeValue, std::variant<std::string, std::int64_t, double, bool>>);

Head head_of(const std::byte* data) { return Reader{data}.take<Head>(); }

void append(const Span& span, const auto& attributes, std::vector<std::byte>& out) {
  Counter counter;
  put_span(counter, span, attributes, 0);
  const std::size_t before = out.size();
  out.resize(before + counter.size);
  Writer writer{out.data() + before};
  put_span(writer, span, attributes, counter.size);
}

}  // namespace

void append_packed(const Span& span, std::vector<std::byte>& out) { append(span, span.attributes, out); }
void append_packed_own(const Span& span, std::vector<std::byte>& out) { append(span, span.attributes.items, out); }

std::size_t packed_bytes(const CommonAttributes& common) {
  constexpr std::size_t kEach = 22;  // a constant's place and size, which kind of value, and a number
  return common.items.size() * kEach + common.text_bytes;
}

std::size_t PackedSpanView::size() const { return head_of(data_).size; }
TraceId PackedSpanView::trace_id() const { return head_of(data_).trace_id; }
SpanKind PackedSpanView::kind() const { return head_of(data_).kind; }
StatusCode PackedSpanView::status() const { return head_of(data_).status; }
SpanId PackedSpanView::parent_span_id() const { return head_of(data_).parent_span_id; }
std::uint64_t PackedSpanView::start_unix_ns() const { return head_of(data_).start_unix_ns; }
std::uint64_t PackedSpanView::end_unix_ns() const { return head_of(data_).end_unix_ns; }
std::string_view PackedSpanView::name() const { return Reader{data_ + sizeof(Head)}.text(); }

Span PackedSpanView::unpacked(std::shared_ptr<const Resource> resource,
                              std::shared_ptr<const CommonAttributes> common) const {
  Reader in{data_};
  const auto head = in.take<Head>();
  Span span;
  span.trace_id = head.trace_id;
  span.span_id = head.span_id;
  span.parent_span_id = head.parent_span_id;
  span.start_unix_ns = head.start_unix_ns;
  span.end_unix_ns = head.end_unix_ns;
  span.kind = head.kind;
  span.status = head.status;
  span.flags = head.flags;
  span.parent_is_remote = head.parent_is_remote;
  span.name = in.text();
  span.trace_state = in.text();
  span.status_message = in.text();
  span.attributes.common = std::move(common);
  span.attributes.items.reserve(head.attributes);
  for (std::uint32_t i = 0; i < head.attributes; i++) {
    AttributeKey key = in.key();
    span.attributes.items.emplace_back(std::move(key), in.value());
  }
  for (std::uint32_t i = 0; i < head.links; i++) span.links.push_back(in.take<SpanLink>());
  for (std::uint32_t i = 0; i < head.baggage; i++) {
    std::string key(in.text());
    span.baggage.emplace_back(std::move(key), std::string(in.text()));
  }
  span.resource = std::move(resource);
  return span;
}

PackedSpan::PackedSpan(const Span& span) : resource_(span.resource) { append_packed(span, data_); }

std::size_t PackedSpan::bytes() const {
  constexpr std::size_t kAllocation_bytes = 16;  // what the allocator adds
  return sizeof(*this) + data_.capacity() + kAllocation_bytes;
}

}  // namespace weft
