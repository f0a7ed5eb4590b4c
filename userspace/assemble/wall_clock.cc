// SPDX-License-Identifier: Apache-2.0
#include "assemble/wall_clock.h"

#include <limits>

namespace weft {

WallClock::WallClock(const Clock& clock) : clock_(clock), offset_ns_(measure()) {}

// The two clocks cannot be read at one moment: the reading that was interrupted least is the best one.
std::uint64_t WallClock::measure() const {
  std::uint64_t best_gap_ns = std::numeric_limits<std::uint64_t>::max(), offset_ns = 0;
  for (int attempt = 0; attempt < 3; attempt++) {
    const std::uint64_t before_ns = clock_.monotonic_ns();
    const std::uint64_t unix_ns = clock_.unix_ns();
    const std::uint64_t gap_ns = clock_.monotonic_ns() - before_ns;
    if (gap_ns >= best_gap_ns) continue;
    best_gap_ns = gap_ns;
    offset_ns = unix_ns - (before_ns + gap_ns / 2);
  }
  return offset_ns;
}

bool WallClock::recheck() {
  const std::uint64_t measured_ns = measure();
  const std::uint64_t forward_ns = measured_ns - offset_ns_, backward_ns = offset_ns_ - measured_ns;
  const std::uint64_t change_ns = forward_ns < backward_ns ? forward_ns : backward_ns;
  if (change_ns <= tolerance_ns) return false;
  if (change_ns >= jump_ns) jumps_++;
  offset_ns_ = measured_ns;
  return true;
}

}  // namespace weft
