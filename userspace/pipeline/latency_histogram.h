// SPDX-License-Identifier: Apache-2.0
// A histogram of durations in constant memory: eight steps an octave from 1 µs to about 2 minutes, so that a quantile
// is off by at most 1/16 of its value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft {

class LatencyHistogram {
 public:
  void add(std::uint64_t duration_ns);
  void add(const LatencyHistogram& other);
  std::uint64_t count() const { return count_; }
  std::uint64_t quantile_ns(double q) const;  // 0 when empty; q in [0, 1]

 private:
  static constexpr unsigned kStepBits = 3;
  static constexpr unsigned kOctaves = 27;
  static constexpr std::size_t kBuckets = std::size_t{kOctaves} << kStepBits;
  static std::size_t bucket_of(std::uint64_t duration_ns);
  static std::uint64_t lower_ns(std::size_t bucket);

  std::array<std::uint32_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace weft
