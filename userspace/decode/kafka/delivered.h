// SPDX-License-Identifier: Apache-2.0
// Which records of a Fetch response reach the application: a broker also sends its control batches, whole batches of
// which only the end was asked for, the beginning of one that did not fit, and transactions that were aborted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "decode/kafka/fetch.h"
#include "decode/kafka/records.h"

namespace weft::kafka {

struct DeliveryOptions {
  bool read_committed = false;   // the consumer leaves out what was aborted
  std::int64_t from_offset = 0;  // … and what comes before this
  bool seen_in_part = false;     // the end of the response is missing here, not at the consumer
};

struct DeliveryCounters {
  std::uint64_t batches = 0;
  std::uint64_t unread = 0;  // batches of old formats, or not what they should be, or beyond a limit
};

// Calls `each` with the records, in order; returns the offset behind the last batch that is there as a whole, or
// from_offset. The record is valid during the call.
using EachRecord = std::function<void(const RecordBatch&, const Record&)>;
std::int64_t deliver(const FetchPartition& partition, const DeliveryOptions& options, RecordReader& reader,
                     DeliveryCounters& counters, const EachRecord& each);

// A partition's name in a table.
std::string partition_key(const Topic& topic, std::int32_t partition);

// How many they are, by the headers of the batches alone: never less than deliver() gives.
std::size_t count_records(const FetchPartition& partition);

}  // namespace weft::kafka
