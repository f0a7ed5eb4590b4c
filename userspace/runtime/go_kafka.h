// SPDX-License-Identifier: Apache-2.0
// Where a Go program's client libraries of Kafka are given records to produce, and give those that are consumed. They
// are recognised by the names of their functions, and followed where it is known how their structures look.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/elf_file.h"
#include "runtime/go_functions.h"

namespace weft {

struct GoKafka {
  // Places for probes are offsets in the file. The first instructions that keep the arguments.
  enum class Produce : std::uint8_t { franz, sarama, sarama_batch, segmentio };
  std::vector<std::pair<Produce, std::uint64_t>> produce;
  // Likewise, and return instructions: of kafka-go's (*Reader).FetchMessage, of franz-go's (*Client).PollRecords and
  // (*FetchesRecordIter).Next, of confluent-kafka-go's (*handle).eventPoll, of kafka-go's (*Reader).ReadMessage the
  // returns alone. All of a library or none, but for Close of the first two.
  enum class Consume : std::uint8_t { fetch, fetched, poll, polled, next, next_record, events, event, close, read };
  std::vector<std::pair<Consume, std::uint64_t>> consume;
  // Why records that a library gives are nobody's, for a person to read; empty: there is no such library.
  std::string not_followed;
};

// The functions that find_go_kafka has to be given, as far as the program has them.
std::span<const std::string_view> go_kafka_names();

GoKafka find_go_kafka(const ElfFile& file, const ElfSection& buildinfo, const GoFunctions& functions);

}  // namespace weft
