// SPDX-License-Identifier: Apache-2.0
// Live recordings: whoever asked for the event stream gets every event, masked, from the event thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "assemble/event_recorder.h"
#include "control/agent_control.h"

namespace weft {

class Recorders {
 public:
  // The references outlive the object and every subscription.
  Recorders(MaskRules rules, const Clock& clock, ResourceSource& resources)
      : rules_(std::move(rules)), clock_(clock), resources_(resources) {}

  std::unique_ptr<EventSubscription> subscribe(EventHandler handler);
  void event(EventBytes record) {
    if (any_.load(std::memory_order_relaxed)) deliver(record);
  }

 private:
  class Subscription;
  void deliver(EventBytes record);
  void remove(const EventRecorder* recorder);

  MaskRules rules_;
  const Clock& clock_;
  ResourceSource& resources_;
  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::vector<std::unique_ptr<EventRecorder>> recorders_;
};

}  // namespace weft
