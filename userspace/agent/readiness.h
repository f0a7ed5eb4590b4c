// SPDX-License-Identifier: Apache-2.0
// Does the agent trace? What /readyz answers. Where spans go is no part of it: requests are followed and contexts
// carried on while a collector is away, and who waits for the agent to be ready (a roll-out) must not wait for that.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace weft {

// Told by the event loop, asked from any thread.
class Readiness {
 public:
  void turned(std::uint64_t now_ns) { last_turn_ns_ = now_ns; }
  void stops() { stops_ = true; }
  bool stopping() const { return stops_; }

  // One line; nothing: it is ready.
  std::optional<std::string> why_not(std::uint64_t now_ns) const;

 private:
  std::atomic<std::uint64_t> last_turn_ns_{0};  // monotonic; 0: none yet
  std::atomic<bool> stops_{false};
};

}  // namespace weft
