// SPDX-License-Identifier: Apache-2.0
// What another thread needs of the event loop's own state: the loop does it between two turns. What nobody asks for
// costs the loop a look at a flag.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace weft {

class LoopErrands {
 public:
  // Of the loop.
  void turn() {
    if (waits()) run();
  }
  bool waits() const { return any_.load(std::memory_order_acquire); }
  // … when it ends: nothing is done any more, and nobody waits.
  void close();

  // What `work` gives in the loop's thread. Nothing: the loop has ended, or did not get round to it in time. `work` may
  // still run then: it holds by value what it needs.
  template <class Work>
  auto ask(Work work, std::chrono::milliseconds patience) -> std::optional<decltype(work())> {
    auto task = std::make_shared<std::packaged_task<decltype(work())()>>(std::move(work));
    auto answer = task->get_future();
    if (!add([task] { (*task)(); })) return std::nullopt;
    task.reset();  // closing breaks the promise, which ends the wait
    if (answer.wait_for(patience) != std::future_status::ready) return std::nullopt;
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return std::nullopt;
    }
  }

 private:
  bool add(std::function<void()> errand);
  void run();

  std::atomic<bool> any_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;
  bool closed_ = false;
};

}  // namespace weft
