// SPDX-License-Identifier: Apache-2.0
// The finished span: what decode/correlate/assemble produce and every exporter, the store and the metrics consume.
// A value: it copies, owns all its text, and refers to nothing else except its (immutable, shared) resource.
#pragma once

#include <array>
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

// Keys are OpenTelemetry attribute names. Order is the order of insertion; a key stands once.
struct Attributes {
  std::vector<std::pair<AttributeKey, AttributeValue>> items;
  void set(std::string_view key, AttributeValue value);    // replaces; copies the key
  const AttributeValue* find(std::string_view key) const;  // nullptr: absent
  std::string text(std::string_view key) const;            // "" when absent
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
