// SPDX-License-Identifier: Apache-2.0
// What is allowed in a rule set but cannot be what its author meant.
#pragma once

#include <string>
#include <vector>

#include "policy/rule_set.h"

namespace weft {

struct PolicyWarning {
  Place place;         // of the entry that has no effect, or less than it says
  Place other;         // of what it collides with; line 0 = nothing in the file (a built-in key)
  std::string reason;  // one line, without the places
};

// Rules, scopes and denied keys that never match, rules against deny, lengths against values, injections against deny.
// In the order of the file.
std::vector<PolicyWarning> review(const RuleSet& rules);

}  // namespace weft
