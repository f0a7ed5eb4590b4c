// SPDX-License-Identifier: Apache-2.0
#include "agent/loop_errands.h"

namespace weft {

bool LoopErrands::add(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  waiting_.push_back(std::move(errand));
  any_.store(true, std::memory_order_release);
  return true;
}

void LoopErrands::run() {
  std::vector<std::function<void()>> errands;
  {
    const std::lock_guard lock(mutex_);
    errands.swap(waiting_);
    any_.store(false, std::memory_order_relaxed);
  }
  for (const auto& errand : errands) errand();
}

void LoopErrands::close() {
  std::vector<std::function<void()>> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(waiting_);
}

}  // namespace weft
