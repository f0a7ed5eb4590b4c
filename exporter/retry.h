// SPDX-License-Identifier: Apache-2.0
// When to try again. Pure arithmetic; the waiting is done by the queue.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weft {

struct RetryOptions {
  std::chrono::milliseconds initial{1000};
  std::chrono::milliseconds max{30'000};           // of one pause
  std::chrono::milliseconds max_elapsed{120'000};  // since the first attempt; then the batch is given up
  std::chrono::milliseconds max_retry_after{300'000};
};

// Pause before attempt number `attempt` + 1 (attempt >= 1 have failed): initial * 2^(attempt-1), at most max, of which
// the upper half is random, so that a fleet of agents does not come back at the same moment. random in [0, 1).
std::chrono::nanoseconds backoff(const RetryOptions& options, unsigned attempt, double random);

// Retry-After is never shortened below max_retry_after and stretched by up to a tenth, for the same reason.
std::chrono::nanoseconds retry_after_pause(const RetryOptions& options, std::chrono::milliseconds retry_after,
                                           double random);

// RFC 9110 10.2.3: delay in seconds, or an HTTP date (IMF-fixdate, RFC 850 or asctime form). A date in the past is 0.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value, std::uint64_t now_unix_ns);

}  // namespace weft
