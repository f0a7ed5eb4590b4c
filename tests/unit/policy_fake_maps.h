// SPDX-License-Identifier: Apache-2.0
// Kernel tables of the policy that only remember what they were given.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "kernel/policy_maps.h"

namespace weft {

struct FakePolicyMaps final : PolicyMaps {
  Result<void> publish(const PolicyImage& image) override {
    const std::lock_guard lock(mutex);
    if (fails) return fail("no room in the kernel");
    ++published;
    live.push_back({image.generation, std::vector<policy_counters>(image.sets.size()), {}});
    if (live.size() > 2) live.erase(live.begin());
    return {};
  }
  Result<void> publish_shadow(const PolicyImage& image) override {
    const std::lock_guard lock(mutex);
    shadow = PolicyCounts{image.generation, {}, std::vector<policy_counters>(image.sets.size())};
    return {};
  }
  void end_shadow() override {
    const std::lock_guard lock(mutex);
    shadow.reset();
  }
  std::vector<PolicyCounts> counts() override {
    const std::lock_guard lock(mutex);
    return live;
  }
  std::optional<PolicyCounts> shadow_counts() override {
    const std::lock_guard lock(mutex);
    return shadow;
  }
  std::vector<UnenforcedConnection> unenforced() override {
    const std::lock_guard lock(mutex);
    return not_changed;
  }

  std::mutex mutex;  // of what follows: to be held where another thread asks
  bool fails = false;
  int published = 0;
  std::vector<PolicyCounts> live;
  std::optional<PolicyCounts> shadow;
  std::vector<UnenforcedConnection> not_changed;
};

}  // namespace weft
