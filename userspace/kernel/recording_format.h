// SPDX-License-Identifier: Apache-2.0
// Layout of a recording (docs/recording.md). Host byte order; the file says which.
#pragma once

#include <cstdint>

#include "wire/events.h"

namespace weft::recording {

inline constexpr char magic[8] = {'w', 'e', 'f', 't', 'r', 'e', 'c', '\n'};
inline constexpr std::uint32_t byte_order = 0x01020304;
inline constexpr std::uint16_t version = 1;

// Recordings of a weft with other event layouts are refused, not misread.
struct FileHeader {
  char magic[8];
  std::uint32_t byte_order;
  std::uint16_t version;
  std::uint16_t header_bytes;
  std::uint64_t monotonic_ns;
  std::uint64_t unix_ns;        // at the same moment
  std::uint16_t request_bytes;  // sizeof of the structs of wire/events.h
  std::uint16_t response_bytes;
  std::uint16_t process_bytes;
  std::uint16_t socket_bytes;
  std::uint16_t injections;       // INJECTION_COUNT: its numbers are those of one weft
  std::uint16_t unsampled_bytes;  // 0: there is no such event in the file
  std::uint8_t reserved[20];
};
static_assert(sizeof(FileHeader) == 64);

// Records of the recording itself, beside enum event_type. They start with struct event_header as well.
inline constexpr std::uint16_t type_resource = 0x8001;
inline constexpr std::uint16_t type_clock = 0x8002;

struct ClockRecord {
  event_header header;  // time_ns = monotonic
  std::uint64_t unix_ns;
};
static_assert(sizeof(ClockRecord) == 24);

// Followed by: name, then `attributes` times {key, u8 kind, value}. Text = u16 length + bytes; kind 0 = text,
// 1 = i64, 2 = f64, 3 = bool as u8.
struct ResourceRecord {
  event_header header;
  std::uint32_t tgid;
  std::uint16_t flags;
  std::uint16_t attributes;
};
static_assert(sizeof(ResourceRecord) == 24);
inline constexpr std::uint16_t resource_instrumented = 1;

// Limits that keep a hostile file from taking memory.
inline constexpr std::uint32_t max_record_bytes = 1u << 20;
inline constexpr std::uint16_t max_attributes = 256;
inline constexpr std::size_t max_resources = 65536;

}  // namespace weft::recording
