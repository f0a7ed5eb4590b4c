// SPDX-License-Identifier: Apache-2.0
// Where probes end. The kernel waits for a grace period with each, so whoever lets go of a process is not held up by
// it, and those of many processes end at once. Private to kernel/.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/uprobes.h"

namespace weft {

class ProbeEnds {
 public:
  // Of some fifty milliseconds each, which those that wait together share. The threads end with them.
  static constexpr std::size_t kAtOnce = 128;

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
  struct Worker {
    std::thread thread;
    bool ended = false;  // but for its return
  };
  void end_them(Worker& worker);

  std::mutex mutex_;
  std::deque<Ending> waiting_;
  std::list<Worker> workers_;
  std::size_t starting_ = 0;  // of them, and have not begun with any
};

}  // namespace weft
