// SPDX-License-Identifier: Apache-2.0
// Time as the stages need it, injected so that tests need no sleeping.
#pragma once

#include <cstdint>

namespace weft {

inline constexpr std::uint64_t kSecond_ns = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t monotonic_ns() const = 0;  // CLOCK_MONOTONIC, as in kernel events
  virtual std::uint64_t unix_ns() const = 0;       // CLOCK_REALTIME
};

class SystemClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override;
  std::uint64_t unix_ns() const override;
};

class ManualClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override { return monotonic; }
  std::uint64_t unix_ns() const override { return unix_time; }
  std::uint64_t monotonic = 0;
  std::uint64_t unix_time = 0;
};

}  // namespace weft
