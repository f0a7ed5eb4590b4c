// SPDX-License-Identifier: Apache-2.0
// Where probes end. The kernel waits for a grace period with each, so whoever lets go of a process is not held up by
// it, and those of many processes end at once. Private to kernel/.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/uprobes.h"

namespace weft {

class ProbeEnds {
 public:
  static constexpr std::size_t kAtOnce = 16;

  ProbeEnds() = default;
  ProbeEnds(const ProbeEnds&) = delete;
  ProbeEnds& operator=(const ProbeEnds&) = delete;
  ~ProbeEnds() { finish(); }

  // They end soon: until then they still call their program. `then` is called when the last of these has ended, on
  // whatever thread, and before finish() returns. It must not throw.
  void take(std::vector<Uprobes> probes, std::function<void()> then = {});
  // All of them have ended; no more may come.
  void finish();

 private:
  class Last;  // calls `then` when it goes
  struct Ending {
    std::shared_ptr<Last> last;
    Uprobes probe;  // goes first
  };
  void end_them();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Ending> waiting_;
  std::size_t idle_ = 0;
  bool last_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weft
