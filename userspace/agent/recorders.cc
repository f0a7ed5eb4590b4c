// SPDX-License-Identifier: Apache-2.0
#include "agent/recorders.h"

#include <algorithm>
#include <utility>

namespace weft {

class Recorders::Subscription final : public EventSubscription {
 public:
  Subscription(Recorders& recorders, const EventRecorder* recorder) : recorders_(recorders), recorder_(recorder) {}
  ~Subscription() override { recorders_.remove(recorder_); }

 private:
  Recorders& recorders_;
  const EventRecorder* recorder_;
};

std::unique_ptr<EventSubscription> Recorders::subscribe(EventHandler handler) {
  const std::lock_guard lock(mutex_);
  recorders_.push_back(std::make_unique<EventRecorder>(rules_, clock_, resources_, std::move(handler)));
  any_ = true;
  return std::make_unique<Subscription>(*this, recorders_.back().get());
}

void Recorders::deliver(EventBytes record) {
  const std::lock_guard lock(mutex_);
  for (const auto& recorder : recorders_) recorder->event(record);
}

void Recorders::remove(const EventRecorder* recorder) {
  const std::lock_guard lock(mutex_);
  std::erase_if(recorders_, [recorder](const auto& kept) { return kept.get() == recorder; });
  any_ = !recorders_.empty();
}

}  // namespace weft
