// SPDX-License-Identifier: Apache-2.0
// Ids of the spans of records that a process consumes: those that the kernel makes when the application is given one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "decode/kafka/message_event.h"
#include "wire/kafka_record_id.h"

namespace weft::kafka {

// Not thread-safe, bounded.
class RecordIds {
 public:
  explicit RecordIds(std::array<std::uint64_t, 2> key) : key_(key) {}

  // nullopt: the topic's name is not known, or a record like it has these ids. That is one that came to the process
  // again (a seek, a second group): what is done for it then is below the first one's span.
  // REQUIRES: trace id and parent of the context, where it has one, and its topic, partition, offset and process.
  std::optional<kafka_record_ids> of(const MessageEvent& event);
  // A number for a partition that a process consumes.
  static std::uint64_t partition_of(const MessageEvent& event);
  // … to which the record belonged whose span has this id; nullopt: it is none of late.
  std::optional<std::uint64_t> partition_of(std::uint64_t span) const;

 private:
  bool is_new(std::uint64_t span, std::uint64_t partition);

  std::array<std::uint64_t, 2> key_;
  std::unordered_map<std::uint64_t, std::uint64_t> now_, before_;  // spans of late, and their partitions
};

}  // namespace weft::kafka
