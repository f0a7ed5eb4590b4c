// SPDX-License-Identifier: Apache-2.0
// Messages that a consumer received, as they go from the agent's door on through recordings and the pipeline. No such
// event comes from the kernel; its number is beyond those of bpf/wire/events.h. Keys and values are not in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "span/span.h"
#include "wire/events.h"

namespace weft {

inline constexpr __u16 kEventMessage = 64;
inline constexpr __u16 kMessageLayout = 2;  // header.flags; 1 is read, others are refused

// MessageFields.facts
inline constexpr __u32 kMessageBatch = 1u << 0;      // a batch: the context is its own, those of its records links
inline constexpr __u32 kMessageTombstone = 1u << 1;  // no value
inline constexpr __u32 kMessageTransactional = 1u << 2;
inline constexpr __u32 kMessageSampled = 1u << 3;
inline constexpr __u32 kMessageContinued = 1u << 4;       // the trace of the producer goes on
inline constexpr __u32 kMessageInvalidContext = 1u << 5;  // it had a context that was malformed or doubled
inline constexpr __u32 kMessageBegun = 1u << 6;           // it was told before that something of its trace is open

struct MessageFields {
  event_header header;  // time_ns: the response has come as far as it is read
  __u64 connection_id;
  __u64 begin_ns;      // its first byte has come
  __s64 offset;        // of the first message
  __s64 timestamp_ms;  // … Unix time, as the producer or the broker set it; negative: none
  __u64 body_bytes;    // of values
  wire_ids ids;
  __u8 local_address[16];
  __u8 peer_address[16];
  __u32 tgid;
  __u32 tid;
  __u32 messages;
  __s32 partition;
  __u32 facts;
  // What follows, in this order: topic, group, client id, header lines of the context, links (trace id, span id).
  __u32 context_bytes;
  __u16 topic_bytes;
  __u16 group_bytes;
  __u16 client_bytes;
  __u16 links;
  __u16 local_port;
  __u16 peer_port;
  __u8 trace_flags;
  __u8 reserved[3];
  // Since layout 2.
  __u64 given_ns;      // the application was given the message …
  __u64 processed_ns;  // … and asked for the next one, or ended; 0: both are not known
};
static_assert(sizeof(MessageFields) == 176 && offsetof(MessageFields, given_ns) == 160);

// Texts point into the record.
struct MessageEvent {
  MessageFields fields;
  std::string_view topic, group, client_id;
  std::string_view context;  // "name: value\r\n"…
  std::vector<SpanLink> links;
};

// nullopt: lengths that do not fit the record, another layout, or no trace id. REQUIRES: record.size() == header.size
std::optional<MessageEvent> read_message_event(std::span<const std::byte> record);
// Lengths, type and size are filled in.
void write_message_event(const MessageEvent& event, std::vector<std::byte>& record);

}  // namespace weft
