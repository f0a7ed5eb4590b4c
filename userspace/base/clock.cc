// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>

namespace weft {
namespace {
std::uint64_t read_clock(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}
}  // namespace

std::uint64_t SystemClock::monotonic_ns() const { return read_clock(CLOCK_MONOTONIC); }
std::uint64_t SystemClock::unix_ns() const { return read_clock(CLOCK_REALTIME); }

}  // namespace weft
