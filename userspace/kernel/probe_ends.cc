// SPDX-License-Identifier: Apache-2.0
#include "kernel/probe_ends.h"

#include <algorithm>
#include <optional>
#include <system_error>

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

class ProbeEnds::Last {
 public:
  explicit Last(std::function<void()> then) : then_(std::move(then)) {}
  Last(const Last&) = delete;
  Last& operator=(const Last&) = delete;
  ~Last() {
    if (then_) then_();
  }

 private:
  std::function<void()> then_;
};

void ProbeEnds::take(std::vector<Uprobes> probes, std::function<void()> then) {
  const auto last = std::make_shared<Last>(std::move(then));
  const std::scoped_lock lock(mutex_);
  for (auto& probe : probes) waiting_.push_back({.last = last, .probe = std::move(probe)});
  try {
    for (auto wanted = std::min(waiting_.size(), kAtOnce); threads_.size() < wanted && waiting_.size() > idle_;)
      threads_.emplace_back([this] { end_them(); });
  } catch (const std::system_error&) {
    if (threads_.empty()) waiting_.clear();  // no thread is to be had: they end here, one after the other
  }
  wake_.notify_all();
}

void ProbeEnds::end_them() {
  std::unique_lock lock(mutex_);
  for (;;) {
    idle_++;
    wake_.wait(lock, [this] { return last_ || !waiting_.empty(); });
    idle_--;
    if (waiting_.empty()) return;
    std::optional<Ending> ending(std::move(waiting_.front()));
    waiting_.pop_front();
    lock.unlock();
    ending.reset();
    lock.lock();
  }
}

}  // namespace weft
