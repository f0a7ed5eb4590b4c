// SPDX-License-Identifier: Apache-2.0
// Puts probes into the C-core and grpc++ of traced processes that serve, once they have called, and speak HTTP/2 on one
// side: before there is nothing that a probe could tell.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>

#include "assemble/process_calls.h"
#include "kernel/grpc_core.h"
#include "runtime/grpc_core.h"

namespace weft {

class GrpcCoreFollower {
 public:
  explicit GrpcCoreFollower(GrpcCoreTracer& tracer) : tracer_(tracer) {}  // which outlives the object

  // Those that change something are for the thread that traces processes. `executed`: which of its programs this is;
  // when it is the same as before nothing happens.
  void trace(pid_t pid, std::uint32_t executed);
  void untrace(pid_t pid);
  void look(const CallsByProcess& calls);

  // From any thread.
  std::size_t probes(pid_t pid) const;
  std::size_t probes() const;

 private:
  struct Process {
    std::uint32_t executed = 0;
    unsigned looks = 0;  // in vain: the library may be loaded after the first call of another one
    std::size_t probes = 0;
  };
  std::size_t follow(pid_t pid);
  std::size_t follow_servers(pid_t pid, const GrpcLibraries& libraries);

  GrpcCoreTracer& tracer_;
  GrpcCoreFinder finder_;
  std::set<pid_t> waiting_;  // in which nothing was found yet
  mutable std::mutex mutex_;
  std::map<pid_t, Process> processes_;
};

}  // namespace weft
