// SPDX-License-Identifier: Apache-2.0
// What each process has spoken, and for whom its calls were made: how many have a parent, and why others have none. For
// `weft ps`.
//
// Belongs to the pipeline's thread; copies may be read elsewhere. Holds the processes that live, no others.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

#include "decode/events.h"

namespace weft {

struct ProcessCalls {
  std::uint32_t protocols = 0;                           // 1 << enum wire_protocol
  std::uint32_t called_by = 0;                           // … by which it has sent requests
  std::uint64_t served = 0;                              // requests to it
  std::uint64_t with_parent = 0;                         // made for a request that is known
  std::uint64_t roots = 0;                               // no request was being served: each began a trace
  std::uint64_t own_context = 0;                         // carry a context that the application wrote
  std::map<std::uint8_t, std::uint64_t> without_parent;  // by enum injection_result

  std::uint64_t unknown_callers() const {
    std::uint64_t all = roots;
    for (const auto& [result, count] : without_parent) all += count;
    return all;
  }
};

using CallsByProcess = std::map<pid_t, ProcessCalls>;

class ProcessCallCounts {
 public:
  void request(const request_event& request);
  void unsampled(const unsampled_event& exchange);
  void message(const MessageFields& message);
  void forget(pid_t pid) { counts_.erase(pid); }  // it has ended, or another program has begun in it
  const CallsByProcess& counts() const { return counts_; }

 private:
  ProcessCalls* spoke(__u32 tgid, unsigned protocol);  // null: no more room

  CallsByProcess counts_;
};

}  // namespace weft
