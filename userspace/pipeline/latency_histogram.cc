// SPDX-License-Identifier: Apache-2.0
#include "pipeline/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weft {

// Durations count in units of 1024 ns / 8, so that the first octave with all its steps starts at 1 µs.
static constexpr unsigned kUnitShift = 7;

std::size_t LatencyHistogram::bucket_of(std::uint64_t duration_ns) {
  const std::uint64_t units = duration_ns >> kUnitShift;
  const std::uint64_t steps = std::uint64_t{1} << kStepBits;
  if (units < steps) return 0;
  const unsigned exponent = static_cast<unsigned>(std::bit_width(units)) - 1 - kStepBits;
  const std::uint64_t step = (units >> exponent) - steps;
  return std::min<std::size_t>((std::size_t{exponent} << kStepBits) + step, kBuckets - 1);
}

std::uint64_t LatencyHistogram::lower_ns(std::size_t bucket) {
  const std::uint64_t steps = std::uint64_t{1} << kStepBits;
  const auto exponent = bucket >> kStepBits;
  return ((steps + (bucket & (steps - 1))) << exponent) << kUnitShift;
}

void LatencyHistogram::add(std::uint64_t duration_ns) {
  ++buckets_[bucket_of(duration_ns)];
  ++count_;
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
}

std::uint64_t LatencyHistogram::quantile_ns(double q) const {
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return lower_ns(i) + (lower_ns(i + 1) - lower_ns(i)) / 2;
  }
  return lower_ns(kBuckets - 1);
}

}  // namespace weft
