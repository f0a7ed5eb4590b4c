// SPDX-License-Identifier: Apache-2.0
// Bytes of the ring buffer or of a recording -> typed events. Every length is checked against the record before use: a
// recording may come from anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <variant>

#include "decode/kafka/message_event.h"
#include "wire/events.h"

namespace weft {

// The struct is a copy (the record may lie unaligned); `head` points into the record and lives as long as it does.
struct RequestEvent {
  request_event fields;
  std::string_view head;     // of Kafka: see decode/kafka/produce_text.h
  std::string_view baggage;  // of a server: as the policy left it; whole members
};
struct ResponseEvent {
  response_event fields;
  std::string_view head;
};
struct ProcessEvent {
  process_event fields;
};
struct SocketEvent {
  socket_event fields;
};
struct UnsampledEvent {
  unsampled_event fields;
  std::string_view text;
};
using Event = std::variant<RequestEvent, ResponseEvent, ProcessEvent, SocketEvent, UnsampledEvent, MessageEvent>;

enum class Refusal : std::uint8_t {
  too_short,  // no room for the header or for the struct of its type
  bad_size,   // header.size goes beyond the record
  bad_text,   // text_bytes goes beyond header.size
  unknown_type,
  bad_field,  // an enum out of range, an id that may not be zero
  count,
};
std::string_view to_string(Refusal refusal);

// Records may be longer than header.size (size classes of the ring buffer): what lies behind is not looked at.
std::expected<Event, Refusal> decode_event(std::span<const std::byte> record);

struct DecodeCounters {
  std::uint64_t requests = 0, responses = 0, processes = 0, sockets = 0, unsampled = 0, messages = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(Refusal::count)> refused{};
  std::uint64_t refused_total() const;
};

}  // namespace weft
