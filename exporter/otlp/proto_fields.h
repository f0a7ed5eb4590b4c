// SPDX-License-Identifier: Apache-2.0
// Fields of a protobuf message, written one after the other to the end of a string by the library's own functions, but
// without its message objects: those of a span take longer to fill, to measure and to empty than to write.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft {

class ProtoFields {
 public:
  using Lite = google::protobuf::internal::WireFormatLite;
  using Stream = google::protobuf::io::CodedOutputStream;

  explicit ProtoFields(std::string& out) : out_(out) {}  // which outlives the object

  // The head of a field of which `size` bytes follow: text, bytes or a message.
  void begin(int number, std::size_t size) {
    put([&](std::uint8_t* at) {
      at = Stream::WriteTagToArray(Lite::MakeTag(number, Lite::WIRETYPE_LENGTH_DELIMITED), at);
      return Stream::WriteVarint64ToArray(size, at);
    });
  }
  void bytes(int number, std::string_view value) {
    begin(number, value.size());
    out_.append(value);
  }
  template <std::size_t n>
  void bytes(int number, const std::array<std::uint8_t, n>& value) {
    bytes(number, std::string_view(reinterpret_cast<const char*>(value.data()), n));
  }
  // As proto3 has it: what is empty is not there.
  void text(int number, std::string_view value) {
    if (!value.empty()) bytes(number, value);
  }
  // `write` fills what it is given and returns where it ended: kAtOnce bytes at most.
  static constexpr std::size_t kAtOnce = 64;
  void put(auto write) {
    std::array<std::uint8_t, kAtOnce> room;
    const std::uint8_t* end = write(room.data());
    out_.append(reinterpret_cast<const char*>(room.data()), static_cast<std::size_t>(end - room.data()));
  }

 private:
  std::string& out_;
};

// Bytes of a field that begin() heads. Numbers up to 15 have a tag of one byte.
inline std::size_t size_with_head(std::size_t size) { return 1 + ProtoFields::Lite::LengthDelimitedSize(size); }

}  // namespace weft
