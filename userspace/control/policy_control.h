// SPDX-License-Identifier: Apache-2.0
// What the control API asks of the baggage policy. Called from the API's threads: implementations are thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/policy_maps.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/review.h"
#include "policy/rule_set.h"

namespace weft {

// Why the last attempt to change the policy came to nothing; the set before it is still the one in force.
struct PolicyRefusal {
  std::string name;  // of the file, or "api"
  PolicyError error;
  std::uint64_t unix_ns = 0;
  std::string message() const;  // "baggage.yaml:3:5: reason"
};

// One rule set of a file: its top level or one of its scopes. Counters are those since it came into force.
struct PolicySetReport {
  PolicySize size;
  policy_counters counts{};
};

// A rule set that is in force or on trial, with what it has done.
struct PolicyReport {
  RuleSet rules;
  std::vector<PolicyWarning> warnings;
  std::string origin;  // "default", "file", "inline", "api"
  std::uint64_t generation = 0;
  std::uint64_t since_unix_ns = 0;
  std::vector<PolicySetReport> sets;  // the top level, then the scopes in order
  // Of a trial only: when it ends by itself; 0 = not. Its counters are of what the set in force does not do.
  std::uint64_t until_unix_ns = 0;
};

struct PolicyUnenforced {
  UnenforcedConnection connection;
  std::uint64_t last_unix_ns = 0;
};

struct PolicyStatus {
  PolicyReport live;
  std::optional<PolicyReport> shadow;
  std::uint64_t applied = 0, refused = 0;    // changes since the start
  std::optional<PolicyRefusal> refusal;      // of the last attempt, when it was refused
  std::vector<PolicyUnenforced> unenforced;  // newest first
};

class PolicyControl {
 public:
  virtual ~PolicyControl() = default;
  virtual PolicyStatus policy_status() = 0;
  // In force when this returns. `name` stands for the text in messages.
  virtual std::expected<PolicyReport, PolicyRefusal> apply_policy(const std::string& yaml, const std::string& name) = 0;
  // Beside the set in force, without effect, for so long (0: until it is ended).
  virtual std::expected<PolicyReport, PolicyRefusal> try_policy(const std::string& yaml, const std::string& name,
                                                                std::chrono::nanoseconds duration) = 0;
  virtual void end_trial() = 0;
  virtual Result<PolicyExplanation> explain_policy(const PolicyQuestion& question) = 0;
};

}  // namespace weft
