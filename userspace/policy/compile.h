// SPDX-License-Identifier: Apache-2.0
// From a rule set to the tables that the kernel programs walk (bpf/wire/policy_set.h). Everything that a rule set may
// be too large or too odd for is found here, when it is loaded, never at run time.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "policy/rule_set.h"
#include "wire/policy_set.h"

namespace weft {

struct PolicyLimits {
  std::uint32_t max_members = POLICY_MEMBERS_MAX;
  std::uint32_t max_bytes = POLICY_BYTES_MAX;
};

// How large one set has become, for `weft policy check`.
struct PolicySize {
  struct Automaton {
    std::string name;  // keys, denied, values, filter, starts, search, paths
    std::size_t states = 0, classes = 0, bytes = 0;
  };
  std::vector<Automaton> automata;
  std::size_t table_bytes = 0;  // of POLICY_CELLS * 2
  std::size_t worst_steps = 0;  // of the loop in the kernel, for the worst text of max_bytes
};

// A compiled rule set: a value, shared with whoever runs it. One policy_set takes half a megabyte of addresses, of
// which only what is used becomes memory.
struct CompiledSet {
  RuleSet rules;                                        // what it was made of
  std::vector<std::shared_ptr<const policy_set>> sets;  // the top level, then the scopes in order
  std::vector<PolicySize> sizes;                        // of each of them
};

// The row of policy_services for a service: what of this rule set is for it.
policy_service service_row(const RuleSet& rules, const PolicySubject& subject);

// What a set's injected member `n` is, for explanations: in the order of policy_set.injected.
struct InjectedEntry {
  const Injection* injection;
  const InjectedMember* member;
};
std::vector<InjectedEntry> injected_entries(const RuleSet& rules);

std::expected<CompiledSet, PolicyError> compile(const RuleSet& rules, const PolicyLimits& limits = {});

}  // namespace weft
