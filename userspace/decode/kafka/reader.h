// SPDX-License-Identifier: Apache-2.0
// The primitive types of Kafka's protocol (https://kafka.apache.org/protocol#protocol_types), read from bytes that may
// come from anybody. All numbers are big-endian.
//
// The first fault stays: from then on everything reads as zero or empty and nothing moves. So a message is read field
// by field, and asked once at the end; only loops have to look at ok().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace weft::kafka {

using Bytes = std::span<const std::byte>;
using Uuid = std::array<std::uint8_t, 16>;

enum class Fault : std::uint8_t {
  cut,          // the bytes end in the middle: of a whole frame as wrong as `malformed`
  malformed,    // not what the protocol allows, or something behind the end
  unsupported,  // a version that is not known here
  too_much,     // beyond a limit of ours
};
std::string_view to_string(Fault fault);

class Reader {
 public:
  // `flexible`: lengths are compact and structures end with tagged fields.
  explicit Reader(Bytes bytes, bool flexible = false) : bytes_(bytes), flexible_(flexible) {}

  bool ok() const { return !fault_; }
  std::size_t left() const { return bytes_.size(); }
  bool flexible() const { return flexible_; }
  void fail(Fault fault);

  std::int8_t i8() { return static_cast<std::int8_t>(number<1>()); }
  std::int16_t i16() { return static_cast<std::int16_t>(number<2>()); }
  std::int32_t i32() { return static_cast<std::int32_t>(number<4>()); }
  std::int64_t i64() { return static_cast<std::int64_t>(number<8>()); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number<4>()); }
  std::uint32_t unsigned_varint();
  std::int32_t varint();   // zigzag
  std::int64_t varlong();  // zigzag
  Uuid uuid();

  std::string_view string();
  std::optional<std::string_view> nullable_string();
  std::optional<std::string_view> short_nullable_string();  // two bytes of length, whatever `flexible` says
  std::optional<Bytes> nullable_bytes();
  // As nullable_bytes(), but of bytes that end too early the part that is there, with the fault `cut` behind it.
  std::optional<Bytes> nullable_bytes_so_far();
  Bytes bytes(std::size_t count);
  void skip(std::size_t count) { bytes(count); }

  std::uint32_t array();                          // elements
  std::optional<std::uint32_t> nullable_array();  // … or none
  void skip_i32_array();
  void tags();  // tagged fields, when there are some

  // The message ends here.
  std::expected<void, Fault> end();
  // … and was this.
  template <class Message>
  std::expected<Message, Fault> end_of(Message message) {
    if (const auto ended = end(); !ended) return std::unexpected(ended.error());
    return message;
  }

 private:
  template <std::size_t size>
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (const std::byte byte : bytes(size)) value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
  }
  std::uint64_t unsigned_varlong(unsigned most_bytes, unsigned last_byte);
  std::optional<std::size_t> length(bool short_length, bool nullable);

  Bytes bytes_;
  bool flexible_;
  std::optional<Fault> fault_;
};

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace weft::kafka
