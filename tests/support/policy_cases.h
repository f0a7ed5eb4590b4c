// SPDX-License-Identifier: Apache-2.0
// Random rule sets and baggage texts that meet each other often, and one evaluation in user space.
#pragma once

#include <memory>
#include <string>

#include "policy/compile.h"
#include "support/policy_reference.h"
#include "support/trace_context_cases.h"
#include "wire/policy_run.h"

namespace weft::test {

struct PolicyCase {
  RuleSet rules;
  PolicyLimits limits;
};
PolicyCase random_policy(Random& random);
PolicyInput random_policy_input(Random& random, std::size_t injected);

// As used in practice: many dotted keys, well-known expressions; and a text of `members` members that pass.
RuleSet realistic_policy(std::size_t rules, std::size_t redactions);
std::string realistic_baggage(std::size_t members, std::size_t bytes, std::size_t redacted);

// The user-space build of the automaton.
class PolicyJudge {
 public:
  PolicyJudge() : run_(std::make_unique<policy_run>()), counters_(std::make_unique<policy_counters>()) {}
  PolicyOutcome judge(const policy_set& set, const PolicyInput& input);
  policy_run& run() { return *run_; }
  policy_counters& counters() { return *counters_; }

 private:
  std::unique_ptr<policy_run> run_;
  std::unique_ptr<policy_counters> counters_;
};

void give(policy_run& run, const PolicyInput& input);
PolicyOutcome outcome_of(const policy_run& run);

}  // namespace weft::test
