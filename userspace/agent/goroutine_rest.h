// SPDX-License-Identifier: Apache-2.0
// Lets Go processes rest from telling of their goroutines' births and ends, and wakes them (discover/birth_rest.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "assemble/process_calls.h"
#include "base/clock.h"
#include "discover/birth_rest.h"
#include "kernel/goroutines.h"

namespace weft {

class GoroutineRest {
 public:
  using Calls = std::function<const CallsByProcess&()>;
  using Told = std::function<void(pid_t, bool rests)>;

  // The references outlive the object. `told`: what has changed.
  GoroutineRest(GoroutineTracer& tracer, const Clock& clock, Told told)
      : tracer_(tracer), clock_(clock), told_(std::move(told)) {}

  // Often, from the thread that `calls` belongs to, and while no other traces processes.
  void look(const CallsByProcess& calls);

 private:
  void every_second(const CallsByProcess& calls, std::uint64_t now_ns);
  void turn(pid_t pid, BirthRest::Turn turn, const BirthNumbers& numbers, std::uint64_t now_ns);

  GoroutineTracer& tracer_;
  const Clock& clock_;
  const Told told_;
  BirthRest rest_;
  std::uint64_t next_ns_ = 0;
};

}  // namespace weft
