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
  std::size_t messages = 2048;    // what comes when there are as many does not wait: they are processed before it
  std::size_t bytes = 4u << 20;   // … or as long ones
  std::size_t partitions = 8192;  // that are waited for
  std::uint64_t wait_ns = 60'000'000'000;  // since a message was received
};

// A record as written by write_message_event. A partition is a number, see RecordIds. Not thread-safe.
class HeldRecords {
 public:
  using Output = std::function<void(std::span<const std::byte>)>;
  HeldRecords(HeldLimits limits, Output output) : limits_(limits), output_(std::move(output)) {}

  // Is there room, and may it be expected that this message is reported?
  bool waits_for(std::uint32_t tgid, std::uint64_t partition) const;
  // REQUIRES: waits_for(), and no message of this span is held.
  void hold(std::uint64_t span, std::uint64_t partition, std::span<const std::byte> record);
  // One of this partition's messages was processed: from now on they wait.
  void learn(std::uint32_t tgid, std::uint64_t partition);
  // False: it is not held.
  bool processed(const record_event& event);

  void expire(std::uint64_t now_ns);
  // Nothing more will be reported of a process, or of those that are not `followed`.
  void release_process(std::uint32_t tgid);
  void release_others(const std::function<bool(std::uint32_t tgid)>& followed);
  void release_all();

  std::size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::uint64_t span, partition, received_ns;
    std::uint32_t tgid;
    std::vector<std::byte> record;
  };
  struct Process {
    std::size_t held = 0;
    std::unordered_set<std::uint64_t> partitions;
  };
  using Place = std::list<Held>::iterator;
  Place release(Place held);  // as it is; returns the next one
  void forget(std::uint32_t tgid, std::uint64_t partition);

  HeldLimits limits_;
  Output output_;
  std::list<Held> held_;  // oldest first
  std::unordered_map<std::uint64_t, Place> by_span_;
  std::unordered_map<std::uint32_t, Process> processes_;
  std::size_t partitions_ = 0, bytes_ = 0;
};

}  // namespace weft::kafka
