// SPDX-License-Identifier: Apache-2.0
#include "agent/readiness.h"

#include "base/clock.h"

namespace weft {
namespace {

// A turn is over within milliseconds. Where many programs are attached at once, on a busy machine, seconds.
constexpr std::uint64_t kStuck_ns = 30 * kSecond_ns;

}  // namespace

std::optional<std::string> Readiness::why_not(std::uint64_t now_ns) const {
  if (stops_) return "weftd is stopping";
  const std::uint64_t last = last_turn_ns_;
  if (last == 0) return "weftd is starting";
  if (now_ns > last && now_ns - last >= kStuck_ns)
    return "no events have been taken from the kernel for " + std::to_string((now_ns - last) / kSecond_ns) + " s";
  return std::nullopt;
}

}  // namespace weft
