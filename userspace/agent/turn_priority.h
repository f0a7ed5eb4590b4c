// SPDX-License-Identifier: Apache-2.0
// The priority of the thread that handles events: higher while it comes too late to empty the ring, as one among a
// hundred threads that all want to run. Never lower: such a crowd would then keep it from running at all. Threads that
// it starts meanwhile have it, too; the agent starts those that last before.
#pragma once

#include <cstdint>
#include <functional>

namespace weft {

class TurnPriority {
 public:
  static constexpr int kHigher = -10;  // added to the nice value: ten times the weight

  static TurnPriority of_this_thread();

  // `nice`: what the thread has now. `renice` sets it; false: that is not allowed.
  TurnPriority(int nice, std::function<bool(int)> renice) : nice_(nice), renice_(std::move(renice)) {}

  // A turn is over. `behind`: it found so much that one a little later might have found the ring full.
  void turned(bool behind, std::uint64_t now_ns);

  // The last turn was, or another within the last minute.
  bool behind() const { return behind_ > 0 || higher_; }

 private:
  const int nice_;
  const std::function<bool(int)> renice_;
  bool higher_ = false;
  int behind_ = 0;  // turns in a row
  std::uint64_t until_ns_ = 0;
};

}  // namespace weft
