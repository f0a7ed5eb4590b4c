// SPDX-License-Identifier: Apache-2.0
#include "agent/turn_priority.h"

#include <sys/resource.h>

#include <algorithm>

namespace weft {
namespace {

constexpr std::uint64_t kBehind_ns = 60'000'000'000;
constexpr int kLeast = -20;

}  // namespace

// On Linux the value is a thread's, although POSIX has it of a process.
TurnPriority TurnPriority::of_this_thread() {
  return {::getpriority(PRIO_PROCESS, 0), [](int nice) { return ::setpriority(PRIO_PROCESS, 0, nice) == 0; }};
}

void TurnPriority::turned(bool behind, std::uint64_t now_ns) {
  if (behind) behind_until_ns_ = now_ns + kBehind_ns;
  const bool higher = now_ns < behind_until_ns_;
  if (higher == higher_ || !renice_(higher ? std::max(nice_ + kHigher, kLeast) : nice_)) return;
  higher_ = higher;
}

}  // namespace weft
