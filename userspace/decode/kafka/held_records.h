// SPDX-License-Identifier: Apache-2.0
// Messages of consumers that are followed wait here until they have been processed, which the kernel reports
// (record_event): then their spans last from when the application was given one until it asked for the next.
//
// Waiting is learned: only messages of partitions of which one was reported before wait. One that is not reported in
// time goes on as it is, and its partition's messages no longer wait until another one is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "wire/events.h"

namespace weft::kafka {

struct HeldLimits {
  std::size_t messages = 2048;             // the oldest go on when there are more
  std::size_t partitions = 8192;           // that are waited for
  std::uint64_t wait_ns = 60'000'000'000;  // since a message was received
};

// A record as written by write_message_event. Not thread-safe.
class HeldRecords {
 public:
  using Output = std::function<void(std::span<const std::byte>)>;
  HeldRecords(HeldLimits limits, Output output) : limits_(limits), output_(std::move(output)) {}

  bool waits_for(std::uint64_t partition) const { return partitions_.contains(partition); }
  // REQUIRES: no message of this span is held.
  void hold(std::uint64_t span, std::uint64_t partition, std::span<const std::byte> record);
  // One of this partition's messages was processed: from now on they wait.
  void learn(std::uint64_t partition);
  // False: it is not held.
  bool processed(const record_event& event);

  void expire(std::uint64_t now_ns);
  void release_process(std::uint32_t tgid);  // it is over: nothing more will be reported
  void release_all();

  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::uint64_t span, partition;
    std::vector<std::byte> record;
  };
  using Place = std::list<Held>::iterator;
  Place release(Place held);  // as it is; returns the next one

  HeldLimits limits_;
  Output output_;
  std::list<Held> held_;  // oldest first
  std::unordered_map<std::uint64_t, Place> by_span_;
  std::unordered_set<std::uint64_t> partitions_;
};

}  // namespace weft::kafka
