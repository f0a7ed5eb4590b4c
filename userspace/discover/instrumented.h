// SPDX-License-Identifier: Apache-2.0
// Finds processes that make spans of their own (an OpenTelemetry, Zipkin or Jaeger library inside) by the contexts that
// their calls carry, never by their settings. Who hands spans to a back end, the kernel tells.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "span/span.h"

namespace weft {

struct SeenRequest {
  pid_t pid = 0;
  bool outgoing = false;
  SpanId parent;                // the parent id that the message carried; not valid() = none
  bool foreign_parent = false;  // outgoing: REQUEST_FOREIGN_PARENT of the kernel
};

// Thread-safe, bounded.
class InstrumentedDetector {
 public:
  explicit InstrumentedDetector(const Clock& clock);

  // Not empty: with this request it is clear that the process makes its own spans; says why in one clause.
  std::string saw(const SeenRequest& request);
  void forget(pid_t pid);  // it ended or executed another program

 private:
  struct Evidence {
    std::array<SpanId, 3> parents{};  // different foreign parents seen
    unsigned count = 0;
    std::uint64_t last_ns = 0;
  };
  // Remembers recent (process, span id) pairs in fixed room; forgets the oldest of a bucket.
  class RecentIds {
   public:
    RecentIds() : slots_(kBuckets * kWays) {}
    void add(pid_t pid, const SpanId& id);
    bool contains(pid_t pid, const SpanId& id) const;

   private:
    static constexpr std::size_t kBuckets = 4096, kWays = 4;
    std::vector<std::uint64_t> slots_;
  };

  // REQUIRES mutex_ held.
  Evidence& evidence_of(pid_t pid);
  std::string saw_foreign_parent(const SeenRequest& request);

  const Clock& clock_;
  std::mutex mutex_;
  RecentIds received_;
  std::map<pid_t, Evidence> evidence_;
};

}  // namespace weft
