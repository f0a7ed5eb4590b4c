// SPDX-License-Identifier: Apache-2.0
// Lets Go processes rest from telling of their goroutines' births and ends, and wakes them (discover/birth_rest.h); and
// notices those whose goroutines are none.
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
  using Refuted = std::function<void(pid_t)>;

  // The references outlive the object. `told`: what has changed. `refuted`: of whom the kernel says so, every second.
  GoroutineRest(GoroutineTracer& tracer, const Clock& clock, Told told, Refuted refuted)
      : tracer_(tracer), clock_(clock), told_(std::move(told)), refuted_(std::move(refuted)) {}

  // Often, from the thread that `calls` belongs to, and while no other traces processes.
  void look(const CallsByProcess& calls);

 private:
  void every_second(const CallsByProcess& calls, std::uint64_t now_ns);
  void turn(pid_t pid, BirthRest::Turn turn, const BirthNumbers& numbers, std::uint64_t now_ns);

  GoroutineTracer& tracer_;
  const Clock& clock_;
  const Told told_;
  const Refuted refuted_;
  BirthRest rest_;
  std::uint64_t next_ns_ = 0;
};

}  // namespace weft
