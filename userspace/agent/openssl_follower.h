// SPDX-License-Identifier: Apache-2.0
// Puts probes into the OpenSSL of traced processes. A program loads it when it likes, so it is looked for several
// times.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "kernel/openssl.h"
#include "runtime/openssl.h"

namespace weft {

class OpensslFollower {
 public:
  // The references outlive the object. Without `wanted` it does nothing.
  OpensslFollower(OpensslTracer& tracer, const Clock& clock, bool wanted)
      : tracer_(tracer), clock_(clock), wanted_(wanted) {}

  // Those that change something are for the thread that traces processes. `executed`: which of its programs this is;
  // when it is the same as before nothing happens.
  void trace(pid_t pid, std::uint32_t executed);
  void untrace(pid_t pid);
  // Looks for what is due, at a few processes. True: some that were not looked at yet still wait.
  bool look();

  // From any thread.
  std::size_t probes(pid_t pid) const;
  std::size_t probes() const;

 private:
  struct Process {
    std::uint32_t executed = 0;
    unsigned looks = 0;  // so far
    std::size_t probes = 0;
  };
  void look_at(pid_t pid, Process& process);
  void follow(pid_t pid, Process& process, const std::vector<OpensslLibrary>& libraries);

  OpensslTracer& tracer_;
  const Clock& clock_;
  const bool wanted_;
  OpensslFinder finder_;
  std::multimap<std::uint64_t, pid_t> due_;  // by time
  mutable std::mutex mutex_;
  std::map<pid_t, Process> processes_;
};

}  // namespace weft
