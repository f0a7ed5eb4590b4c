// SPDX-License-Identifier: Apache-2.0
// Joins requests and responses by exchange id, whichever comes first. Bounded in entries and in bytes of text: the
// oldest goes first and is counted. What the kernel never reports an end for (lost events) ends here: by time, or some
// grace after its process is gone. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "correlate/exchange.h"
#include "decode/events.h"
#include "decode/mask.h"

namespace weft {

struct ExchangeLimits {
  std::size_t entries = 65536;
  std::size_t text_bytes = 16u << 20;
  // Safety net behind the kernel's own idle time-out: an exchange that is still moving bytes may be long, so this has
  // to be far above it.
  std::uint64_t open_ns = 3'600'000'000'000;
  // A response whose request has not come by then was a loss in the ring buffer.
  std::uint64_t lone_response_ns = 5'000'000'000;
  // PROCESS_EXIT may come before the ends that closing the sockets causes, and sockets may live on in a child.
  std::uint64_t exit_grace_ns = 1'000'000'000;
};

struct ExchangeCounters {
  std::uint64_t completed = 0;  // request and response met
  std::uint64_t timed_out = 0;
  std::uint64_t ended_by_exit = 0;
  std::uint64_t evicted = 0;         // ended as lost to stay within the limits
  std::uint64_t flushed = 0;         // open at shutdown, ended as lost
  std::uint64_t lone_responses = 0;  // dropped: their request never came
  std::uint64_t duplicates = 0;      // second request or response with the same id, dropped
};

class ExchangeTable {
 public:
  // Called with each exchange that is over; valid during the call. Must not call back into the table.
  using Output = std::function<void(const Exchange&)>;

  ExchangeTable(ExchangeLimits limits, Output output);

  void request(const RequestEvent& event, const MaskRules& rules);
  void response(const ResponseEvent& event, const MaskRules& rules);
  void process_exit(std::uint32_t tgid, std::uint64_t time_ns);
  void sweep(std::uint64_t now_ns);
  void flush(std::uint64_t now_ns);  // ends everything as END_LOST; for shutdown

  std::size_t open() const { return used_; }
  // The requests that wait for their responses, the oldest first, until `visit` returns false.
  void each_open(const std::function<bool(const Exchange&)>& visit) const;
  const ExchangeCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  struct Slot {
    Exchange exchange;
    std::uint64_t id = 0;
    bool has_request = false;
    bool has_response = false;
    bool has_context = false;                  // tracestate or baggage in the request head
    std::uint32_t older = none, newer = none;  // in order of arrival; `newer` also links the free list
  };
  struct Exit {
    std::uint32_t tgid;
    std::uint64_t time_ns;
  };

  std::size_t home(std::uint64_t id) const;
  std::size_t find(std::uint64_t id) const;  // position in index_, of the entry or of the hole for it
  Slot& slot_for(std::uint64_t id);          // found, or new (after making room)
  std::uint32_t insert(std::uint64_t id);
  void erase(std::uint32_t number);
  void erase_from_index(std::uint64_t id);
  void grow_index();
  void make_room();
  void finish(std::uint32_t number);
  void finish_joined(std::uint64_t id);
  void end_early(std::uint32_t number, end_reason reason, std::uint64_t time_ns);
  void drop_or_end(std::uint32_t number, end_reason reason, std::uint64_t time_ns, std::uint64_t& counter);
  void inherit_from_parent(Exchange& exchange);
  void sweep_exits(std::uint64_t now_ns);

  ExchangeLimits limits_;
  Output output_;
  std::deque<Slot> slots_;            // stable addresses; strings keep their capacity from use to use
  std::vector<std::uint32_t> index_;  // open addressing, linear probing, power of two
  std::uint32_t free_ = none, oldest_ = none, newest_ = none;
  std::size_t used_ = 0;
  std::size_t text_bytes_ = 0;
  std::vector<Exit> exits_;
  ExchangeCounters counters_;
};

}  // namespace weft
