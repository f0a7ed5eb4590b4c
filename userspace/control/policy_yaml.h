// SPDX-License-Identifier: Apache-2.0
// A baggage policy in YAML into a RuleSet, strictly: unknown keys, wrong types and values out of range are refused with
// their place. Texts are taken as they are; ${…} is not expanded (a pattern may hold it).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "policy/review.h"
#include "policy/rule_set.h"

namespace weft {

struct ReadPolicy {
  RuleSet rules;
  std::vector<PolicyWarning> warnings;
};

// `name` stands for the file in messages. A document without anything is refused.
std::expected<ReadPolicy, PolicyError> read_policy(std::string_view text, const std::string& name);

inline constexpr std::size_t kMostPolicyBytes = 1u << 20;

}  // namespace weft
