// SPDX-License-Identifier: Apache-2.0
#include "control/growing_pool.h"

#include <system_error>

namespace weft {

void GrowingPool::enqueue(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return stopping_ || tasks_.size() < max_waiting_; });
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < max_threads_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) throw;  // no thread at all: the accept loop ends and says so
    }
  }
  wake_.notify_one();
}

void GrowingPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    room_.notify_one();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

void GrowingPool::shutdown() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  room_.notify_all();
  for (auto& thread : threads_) thread.join();
}

}  // namespace weft
