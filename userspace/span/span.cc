// SPDX-License-Identifier: Apache-2.0
#include "span/span.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>

namespace weft {
namespace {

template <std::size_t n>
bool any_set(const std::array<std::uint8_t, n>& bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b != 0; });
}

template <std::size_t n>
std::string to_hex(const std::array<std::uint8_t, n>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(2 * n, '0');
  for (std::size_t i = 0; i < n; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return text;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <std::size_t n>
bool from_hex(std::string_view hex, std::array<std::uint8_t, n>& bytes) {
  if (hex.size() != 2 * n) return false;
  for (std::size_t i = 0; i < n; i++) {
    const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
           return lower(x) == lower(y);
         });
}

std::size_t text_bytes_of(const std::vector<Attribute>& items) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : items) {
    if (key.owned()) bytes += key.text().size();
    if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
  }
  return bytes;
}

std::string double_text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return error == std::errc{} ? std::string(buffer, end) : std::string{};
}

}  // namespace

bool TraceId::valid() const { return any_set(bytes); }
std::string TraceId::hex() const { return to_hex(bytes); }
std::optional<TraceId> TraceId::parse(std::string_view hex) {
  TraceId id;
  if (!from_hex(hex, id.bytes)) return std::nullopt;
  return id;
}

bool SpanId::valid() const { return any_set(bytes); }
std::string SpanId::hex() const { return to_hex(bytes); }
std::optional<SpanId> SpanId::parse(std::string_view hex) {
  SpanId id;
  if (!from_hex(hex, id.bytes)) return std::nullopt;
  return id;
}

std::string_view to_string(SpanKind kind) {
  switch (kind) {
    case SpanKind::internal:
      return "INTERNAL";
    case SpanKind::server:
      return "SERVER";
    case SpanKind::client:
      return "CLIENT";
    case SpanKind::producer:
      return "PRODUCER";
    case SpanKind::consumer:
      return "CONSUMER";
  }
  return "INTERNAL";
}

std::string_view to_string(StatusCode code) {
  switch (code) {
    case StatusCode::unset:
      return "UNSET";
    case StatusCode::ok:
      return "OK";
    case StatusCode::error:
      return "ERROR";
  }
  return "UNSET";
}

std::optional<SpanKind> parse_span_kind(std::string_view text) {
  for (const SpanKind kind :
       {SpanKind::internal, SpanKind::server, SpanKind::client, SpanKind::producer, SpanKind::consumer})
    if (equal_ignoring_case(text, to_string(kind))) return kind;
  return std::nullopt;
}

std::string to_text(const AttributeValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) return double_text(*real);
  return std::get<bool>(value) ? "true" : "false";
}

CommonAttributes::CommonAttributes(std::vector<Attribute> all)
    : items(std::make_move_iterator(all.begin()), std::make_move_iterator(all.end())),
      text_bytes(text_bytes_of(items)) {}

void Attributes::set(std::string_view key, AttributeValue value) {
  const auto is_key = [key](const Attribute& attribute) { return attribute.first == key; };
  if (common && std::ranges::any_of(common->items, is_key)) {  // what is shared does not change
    items.insert(items.begin(), common->items.begin(), common->items.end());
    common.reset();
  }
  for (auto& [name, old] : items)
    if (name == key) {
      old = std::move(value);
      return;
    }
  items.emplace_back(AttributeKey::copied(key), std::move(value));
}

const AttributeValue* Attributes::find(std::string_view key) const {
  for (const auto& [name, value] : *this)
    if (name == key) return &value;
  return nullptr;
}

bool Attributes::operator==(const Attributes& other) const { return std::ranges::equal(*this, other); }

std::string Attributes::text(std::string_view key) const {
  const AttributeValue* value = find(key);
  return value ? to_text(*value) : std::string{};
}

}  // namespace weft
