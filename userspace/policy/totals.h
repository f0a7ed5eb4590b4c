// SPDX-License-Identifier: Apache-2.0
// What rule sets have done since the agent began, by action and rule: counters that go on over reloads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/rule_set.h"
#include "wire/policy_set.h"

namespace weft {

class PolicyTotals {
 public:
  using Pairs = std::map<std::pair<std::string, std::string>, std::uint64_t>;  // (action, rule)

  // The counters of a generation as they are now, in the order of CompiledSet::sets. They replace what was known of it.
  void update(std::uint64_t generation, const RuleSet& rules, const std::vector<policy_counters>& sets);
  Pairs all() const;

 private:
  static constexpr std::size_t kMostPairs = 2000;  // further rules count as ~other
  static constexpr std::size_t kMostGenerations = 8;
  static void add(Pairs& to, const Pairs& from);

  Pairs past_;
  std::map<std::uint64_t, Pairs> generations_;
};

}  // namespace weft
