// SPDX-License-Identifier: Apache-2.0
#include "kernel/probe_ends.h"

#include <optional>

namespace weft {

void ProbeEnds::finish() {
  {
    const std::scoped_lock lock(mutex_);
    last_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void ProbeEnds::take(std::vector<Uprobes> probes) {
  const std::scoped_lock lock(mutex_);
  for (auto& probe : probes) {
    waiting_.push_back(std::move(probe));
    if (waiting_.size() > idle_ && threads_.size() < kAtOnce) threads_.emplace_back([this] { end_them(); });
    wake_.notify_one();
  }
}

void ProbeEnds::end_them() {
  std::unique_lock lock(mutex_);
  for (;;) {
    idle_++;
    wake_.wait(lock, [this] { return last_ || !waiting_.empty(); });
    idle_--;
    if (waiting_.empty()) return;
    std::optional<Uprobes> ending(std::move(waiting_.front()));
    waiting_.pop_front();
    lock.unlock();
    ending.reset();
    lock.lock();
  }
}

}  // namespace weft
