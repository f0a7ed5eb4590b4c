// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/delivered.h"

#include <algorithm>
#include <set>
#include <vector>

namespace weft::kafka {
namespace {

// Whose transactions are being left out, as the Java client keeps it: from an aborted transaction's first offset on, up
// to the mark that ends it.
class Aborted {
 public:
  explicit Aborted(std::vector<AbortedTransaction> transactions) : coming_(std::move(transactions)) {
    std::ranges::sort(coming_, {}, &AbortedTransaction::first_offset);
  }
  void reach(std::int64_t last_offset) {
    for (; next_ < coming_.size() && coming_[next_].first_offset <= last_offset; next_++)
      now_.insert(coming_[next_].producer_id);
  }
  void end(std::int64_t producer_id) { now_.erase(producer_id); }
  bool has(std::int64_t producer_id) const { return now_.contains(producer_id); }

 private:
  std::vector<AbortedTransaction> coming_;
  std::size_t next_ = 0;
  std::set<std::int64_t> now_;
};

}  // namespace

std::string partition_key(const Topic& topic, std::int32_t partition) {
  std::string key(topic.id ? std::string(topic.id->begin(), topic.id->end()) : std::string(topic.name));
  return key.append("/").append(std::to_string(partition));
}

std::int64_t deliver(const FetchPartition& partition, const DeliveryOptions& options, RecordReader& reader,
                     DeliveryCounters& counters, const EachRecord& each) {
  Aborted aborted(options.read_committed ? partition.aborted : std::vector<AbortedTransaction>{});
  BatchReader batches(partition.records);
  std::int64_t behind = options.from_offset;
  RecordBatch batch;
  Record record;
  while (batches.next(batch)) {
    counters.batches++;
    if (batch.cut && !options.seen_in_part) break;  // the consumer asks for it again
    if (batch.magic != 2) {
      counters.unread++;
      continue;
    }
    const std::int64_t last = batch.base_offset + batch.last_offset_delta;
    aborted.reach(last);
    reader.open(batch);
    if (batch.control()) {
      if (reader.next(record) && control_kind(record) == ControlKind::abort) aborted.end(batch.producer_id);
    } else if (last >= options.from_offset && !(batch.transactional() && aborted.has(batch.producer_id))) {
      while (reader.next(record))
        if (record.offset >= options.from_offset) each(batch, record);
      if (reader.fault() && !batch.cut) counters.unread++;
    }
    if (!batch.cut) behind = std::max(behind, last + 1);
  }
  if (const auto fault = batches.fault(); fault && *fault != Fault::cut) counters.unread++;
  return behind;
}

std::size_t count_records(const FetchPartition& partition) {
  BatchReader batches(partition.records);
  std::size_t count = 0;
  RecordBatch batch;
  while (batches.next(batch))
    if (!batch.control()) count += static_cast<std::size_t>(batch.record_count);
  return count;
}

}  // namespace weft::kafka
