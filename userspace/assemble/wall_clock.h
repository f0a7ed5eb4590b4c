// SPDX-License-Identifier: Apache-2.0
// CLOCK_MONOTONIC of kernel events -> Unix time of spans, by one offset for all of them, so that spans of one trace on
// one node keep their order. The offset is rechecked now and then: the wall clock may be slewed or set, and
// CLOCK_MONOTONIC stands still while a machine sleeps.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace weft {

class WallClock {
 public:
  // Below this a new measurement is noise (or a slew not worth a step between two spans) and is ignored.
  static constexpr std::uint64_t tolerance_ns = 200'000;
  // From here on it is counted as a jump.
  static constexpr std::uint64_t jump_ns = 100'000'000;

  explicit WallClock(const Clock& clock);

  std::uint64_t to_unix_ns(std::uint64_t monotonic_ns) const { return monotonic_ns + offset_ns_; }
  // Call every few seconds. True: the offset changed.
  bool recheck();
  std::uint64_t jumps() const { return jumps_; }

 private:
  std::uint64_t measure() const;

  const Clock& clock_;
  std::uint64_t offset_ns_;  // modulo 2^64: a wall clock before boot is no special case
  std::uint64_t jumps_ = 0;
};

}  // namespace weft
