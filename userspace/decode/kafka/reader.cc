// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/reader.h"

#include <algorithm>
#include <limits>

namespace weft::kafka {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::cut:
      return "cut";
    case Fault::malformed:
      return "malformed";
    case Fault::unsupported:
      return "unsupported";
    case Fault::too_much:
      return "too_much";
  }
  return "unknown";
}

void Reader::fail(Fault fault) {
  if (!fault_) fault_ = fault;
  bytes_ = {};
}

Bytes Reader::bytes(std::size_t count) {
  if (fault_) return {};
  if (count > bytes_.size()) {
    fail(Fault::cut);
    return {};
  }
  const Bytes taken = bytes_.first(count);
  bytes_ = bytes_.subspan(count);
  return taken;
}

// `last_byte`: the most that the last of `most_bytes` bytes may be, so that nothing overflows.
std::uint64_t Reader::unsigned_varlong(unsigned most_bytes, unsigned last_byte) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < most_bytes; i++) {
    const Bytes byte = bytes(1);
    if (byte.empty()) return 0;
    const auto bits = std::to_integer<std::uint64_t>(byte[0]);
    if (i + 1 == most_bytes && bits > last_byte) break;
    value |= (bits & 0x7f) << (7 * i);
    if (bits < 0x80) return value;
  }
  fail(Fault::malformed);
  return 0;
}

std::uint32_t Reader::unsigned_varint() { return static_cast<std::uint32_t>(unsigned_varlong(5, 0x0f)); }

std::int32_t Reader::varint() {
  const auto raw = static_cast<std::uint32_t>(unsigned_varlong(5, 0x0f));
  return static_cast<std::int32_t>(raw >> 1 ^ (0u - (raw & 1)));
}

std::int64_t Reader::varlong() {
  const std::uint64_t raw = unsigned_varlong(10, 0x01);
  return static_cast<std::int64_t>(raw >> 1 ^ (std::uint64_t{0} - (raw & 1)));
}

Uuid Reader::uuid() {
  Uuid id{};
  const Bytes raw = bytes(id.size());
  std::transform(raw.begin(), raw.end(), id.begin(),
                 [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
  return id;
}

// nullopt: null, or a fault.
std::optional<std::size_t> Reader::length(bool short_length, bool nullable) {
  std::int64_t length = -1;
  if (flexible_)
    length = std::int64_t{unsigned_varint()} - 1;
  else
    length = short_length ? i16() : i32();
  if (fault_) return std::nullopt;
  if (length >= 0 && length <= std::numeric_limits<std::int32_t>::max()) return static_cast<std::size_t>(length);
  if (length != -1 || !nullable) fail(Fault::malformed);
  return std::nullopt;
}

std::string_view Reader::string() {
  const auto count = length(true, false);
  return count ? text_of(bytes(*count)) : std::string_view{};
}

std::optional<std::string_view> Reader::nullable_string() {
  const auto count = length(true, true);
  if (!count) return std::nullopt;
  return text_of(bytes(*count));
}

std::optional<std::string_view> Reader::short_nullable_string() {
  const std::int16_t count = i16();
  if (count < -1) fail(Fault::malformed);
  if (fault_ || count < 0) return std::nullopt;
  return text_of(bytes(static_cast<std::size_t>(count)));
}

std::optional<Bytes> Reader::nullable_bytes() {
  const auto count = length(false, true);
  if (!count) return std::nullopt;
  return bytes(*count);
}

std::optional<Bytes> Reader::nullable_bytes_so_far() {
  const auto count = length(false, true);
  if (!count) return std::nullopt;
  if (*count <= bytes_.size()) return bytes(*count);
  const Bytes rest = bytes_;
  fail(Fault::cut);
  return rest;
}

std::uint32_t Reader::array() {
  const auto count = length(false, false);
  return count ? static_cast<std::uint32_t>(*count) : 0;
}

std::optional<std::uint32_t> Reader::nullable_array() {
  const auto count = length(false, true);
  if (!count) return std::nullopt;
  return static_cast<std::uint32_t>(*count);
}

void Reader::skip_i32_array() { skip(std::size_t{nullable_array().value_or(0)} * 4); }

void Reader::tags() {
  if (!flexible_) return;
  std::int64_t last = -1;
  for (std::uint32_t count = unsigned_varint(); count > 0 && ok(); count--) {
    const std::uint32_t tag = unsigned_varint();
    if (tag <= last) fail(Fault::malformed);  // ascending, each once
    last = tag;
    skip(unsigned_varint());
  }
}

std::expected<void, Fault> Reader::end() {
  if (!fault_ && !bytes_.empty()) fault_ = Fault::malformed;
  if (fault_) return std::unexpected(*fault_);
  return {};
}

}  // namespace weft::kafka
