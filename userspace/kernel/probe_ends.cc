// SPDX-License-Identifier: Apache-2.0
#include "kernel/probe_ends.h"

#include <algorithm>
#include <optional>
#include <system_error>

namespace weft {

// The lock is not held while threads are waited for: they need it to end.
void ProbeEnds::finish() {
  for (;;) {
    std::list<Worker> workers;
    {
      const std::scoped_lock lock(mutex_);
      workers.swap(workers_);
    }
    if (workers.empty()) return;
    for (Worker& worker : workers) worker.thread.join();
  }
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
  workers_.remove_if([](Worker& worker) {
    if (worker.ended) worker.thread.join();
    return worker.ended;
  });
  for (auto& probe : probes) waiting_.push_back({.last = last, .probe = std::move(probe)});
  try {
    while (workers_.size() < kAtOnce && starting_ < waiting_.size()) {
      Worker& worker = workers_.emplace_back();
      worker.thread = std::thread([this, &worker] { end_them(worker); });
      starting_++;
    }
  } catch (const std::system_error&) {
    workers_.pop_back();
    if (workers_.empty()) waiting_.clear();  // no thread is to be had: they end here, one after the other
  }
}

void ProbeEnds::end_them(Worker& worker) {
  std::unique_lock lock(mutex_);
  starting_--;
  while (!waiting_.empty()) {
    std::optional<Ending> ending(std::move(waiting_.front()));
    waiting_.pop_front();
    lock.unlock();
    ending.reset();
    lock.lock();
  }
  worker.ended = true;
}

}  // namespace weft
