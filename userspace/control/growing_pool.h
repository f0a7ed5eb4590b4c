// SPDX-License-Identifier: Apache-2.0
// Threads for cpp-httplib, made when they are needed: long-lived streams must not keep short requests waiting, and an
// agent to which nobody talks needs no threads.
#pragma once

#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace weft {

class GrowingPool final : public httplib::TaskQueue {
 public:
  // More than `max_threads` connections wait; `max_waiting` of them here, the rest in the kernel's backlog.
  GrowingPool(std::size_t max_threads, std::size_t max_waiting)
      : max_threads_(max_threads), max_waiting_(max_waiting) {}
  void enqueue(std::function<void()> task) override;
  void shutdown() override;  // lets what was accepted end

 private:
  void work();

  const std::size_t max_threads_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;  // workers
  std::condition_variable room_;  // the accepting thread
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace weft
