// SPDX-License-Identifier: Apache-2.0
#include "agent/turn_priority.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>

namespace weft {
namespace {

constexpr int kBehind = 2;  // turns in a row: a single one may follow on long work of the thread's own
constexpr std::uint64_t kBehind_ns = 60'000'000'000;
constexpr int kLeast = -20;

}  // namespace

// On Linux the value is a thread's, although POSIX has it of a process.
TurnPriority TurnPriority::of_this_thread() {
  return {::getpriority(PRIO_PROCESS, 0), [](int nice) { return ::setpriority(PRIO_PROCESS, 0, nice) == 0; }};
}

void TurnPriority::turned(bool behind, std::uint64_t now_ns) {
  behind_ = behind ? behind_ + 1 : 0;
  if (behind_ >= kBehind) until_ns_ = now_ns + kBehind_ns;
  const bool higher = now_ns < until_ns_;
  if (higher == higher_) return;
  higher_ = higher;
  const bool done = renice_(higher ? std::max(nice_ + kHigher, kLeast) : nice_);
  if (higher)
    spdlog::debug("events come faster than they are handled: the thread's priority {} for a minute",
                  done ? "is raised" : "would be raised, but may not");
}

}  // namespace weft
