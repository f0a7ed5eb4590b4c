// SPDX-License-Identifier: Apache-2.0
// The finished span: what decode/correlate/assemble produce and every exporter, the store and the metrics consume.
// A value: it copies, owns all its text, and refers to nothing else except what is immutable and shared: its resource
// and the attributes that it has in common with others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "span/attribute_key.h"

namespace weft {

struct TraceId {
  std::array<std::uint8_t, 16> bytes{};
  bool operator==(const TraceId&) const = default;
  bool valid() const;       // not all zero
  std::string hex() const;  // 32 lower-case digits
  static std::optional<TraceId> parse(std::string_view hex);
};

struct SpanId {
  std::array<std::uint8_t, 8> bytes{};
  bool operator==(const SpanId&) const = default;
  bool valid() const;
  std::string hex() const;  // 16 lower-case digits; see Span::parent_span_id for "none"
  static std::optional<SpanId> parse(std::string_view hex);
};

// Numbers are those of OTLP (opentelemetry.proto.trace.v1.Span.SpanKind).
enum class SpanKind : std::uint8_t { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };
enum class StatusCode : std::uint8_t { unset = 0, ok = 1, error = 2 };

std::string_view to_string(SpanKind kind);                       // "SERVER"
std::string_view to_string(StatusCode code);                     // "UNSET"
std::optional<SpanKind> parse_span_kind(std::string_view text);  // case-insensitive

using AttributeValue = std::variant<std::string, std::int64_t, double, bool>;
std::string to_text(const AttributeValue& value);

using Attribute = std::pair<AttributeKey, AttributeValue>;

// What the spans of requests that look alike have in common. Never changes, so that they can share it.
struct CommonAttributes {
  explicit CommonAttributes(std::vector<Attribute> all);  // takes no more memory than they need
  const std::vector<Attribute> items;
  const std::size_t text_bytes;  // of values, and of names that are no constants
};

// Keys are OpenTelemetry attribute names; a key stands once. Walked with a range-based for: first what is common, then
// its own in order of insertion.
struct Attributes {
  std::shared_ptr<const CommonAttributes> common;          // may be null
  std::vector<Attribute> items;                            // its own
  void set(std::string_view key, AttributeValue value);    // replaces; copies the key
  const AttributeValue* find(std::string_view key) const;  // nullptr: absent
  std::string text(std::string_view key) const;            // "" when absent
  std::size_t size() const { return (common ? common->items.size() : 0) + items.size(); }
  bool operator==(const Attributes& other) const;  // the same in the same order, whoever owns them

  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = Attribute;
    Iterator() = default;
    const Attribute& operator*() const { return *at_; }
    const Attribute* operator->() const { return at_; }
    Iterator& operator++() {
      if (++at_ == last_common_) at_ = std::exchange(first_own_, nullptr), last_common_ = nullptr;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_ && last_common_ == other.last_common_; }

   private:
    friend struct Attributes;
    explicit Iterator(const Attribute* at) : at_(at) {}
    const Attribute* at_ = nullptr;
    const Attribute* last_common_ = nullptr;  // where to go on with its own; null: it is there
    const Attribute* first_own_ = nullptr;
  };
  Iterator begin() const {
    Iterator first(items.data());
    if (!common || common->items.empty()) return first;
    first.at_ = common->items.data();
    first.last_common_ = first.at_ + common->items.size();
    first.first_own_ = items.data();
    return first;
  }
  Iterator end() const { return Iterator(items.data() + items.size()); }
};

// Who made the span (spec: resource semantic conventions). Shared by all spans of one process.
struct Resource {
  std::string service_name;
  Attributes attributes;  // includes service.name
};

struct SpanLink {
  TraceId trace_id;
  SpanId span_id;
};

struct Span {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;  // not valid() = root
  bool parent_is_remote = false;
  std::uint8_t flags = 0;  // W3C trace flags
  std::string trace_state;
  std::string name;
  SpanKind kind = SpanKind::internal;
  std::uint64_t start_unix_ns = 0;
  std::uint64_t end_unix_ns = 0;  // >= start_unix_ns
  StatusCode status = StatusCode::unset;
  std::string status_message;
  Attributes attributes;
  std::shared_ptr<const Resource> resource;  // never null in a finished span
  std::vector<SpanLink> links;
  std::vector<std::pair<std::string, std::string>> baggage;
};

// Spans are immutable once finished; stages and sinks share them.
using SpanPtr = std::shared_ptr<const Span>;

}  // namespace weft
