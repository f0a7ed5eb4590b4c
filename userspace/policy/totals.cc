// SPDX-License-Identifier: Apache-2.0
#include "policy/totals.h"

#include "policy/explain.h"

namespace weft {
namespace {

class Counter {
 public:
  explicit Counter(PolicyTotals::Pairs& pairs) : pairs_(pairs) {}

  void set(const PolicyRules& rules, const policy_counters& c) {
    // What is known by rule is shown by rule only.
    std::uint64_t by_rule[POLICY_ACTION_COUNT] = {};
    const auto rows = [&](policy_by by, policy_action action, std::size_t row, const std::string& name) {
      add(action, name, c.by[by][row]);
      by_rule[action] += c.by[by][row];
    };
    rows(POLICY_BY_KEPT, POLICY_KEPT, 0, "");
    for (std::size_t n = 0; rules.rules && n < rules.rules->size() && n < POLICY_RULES_MAX; ++n) {
      const std::string& key = (*rules.rules)[n].key.text;
      rows(POLICY_BY_KEPT, POLICY_KEPT, n + 1, key);
      rows(POLICY_BY_TOO_LONG, POLICY_TOO_LONG, n + 1, key);
      rows(POLICY_BY_NOT_ALLOWED, POLICY_NOT_ALLOWED, n + 1, key);
      rows(POLICY_BY_MISSING, POLICY_MISSING, n + 1, key);
    }
    for (std::size_t n = 0; n < rules.deny.size() && n < POLICY_DENIED_MAX; ++n)
      rows(POLICY_BY_DENIED, POLICY_DENIED, n + 1, rules.deny[n].text);
    for (std::size_t n = 0; n < rules.redact.size() && n < POLICY_REDACTIONS_MAX; ++n)
      add(POLICY_REDACTED, rules.redact[n].pattern.text, c.redacted[n]);
    for (unsigned action = 0; action < POLICY_ACTION_COUNT; ++action) {
      if (action == POLICY_KEPT || action == POLICY_REDACTED || action == POLICY_INJECTED) continue;
      if (c.actions[action] > by_rule[action])
        add(static_cast<policy_action>(action), "", c.actions[action] - by_rule[action]);
    }
  }

  void add(policy_action action, const std::string& rule, std::uint64_t count) {
    if (count) pairs_[{std::string(policy_action_name(action)), rule}] += count;
  }

 private:
  PolicyTotals::Pairs& pairs_;
};

}  // namespace

void PolicyTotals::update(std::uint64_t generation, const RuleSet& rules, const std::vector<policy_counters>& sets) {
  Pairs pairs;
  Counter counter(pairs);
  const auto injected = injected_entries(rules);
  for (std::size_t n = 0; n < sets.size() && n <= rules.scopes.size(); ++n) {
    counter.set(n ? rules.scopes[n - 1].rules : rules.top, sets[n]);
    for (std::size_t i = 0; i < injected.size() && i < POLICY_INJECTED_MAX; ++i)
      counter.add(POLICY_INJECTED, injected[i].member->key.text, sets[n].injected[i]);
  }
  generations_[generation] = std::move(pairs);
  while (generations_.size() > kMostGenerations) {
    add(past_, generations_.begin()->second);
    generations_.erase(generations_.begin());
  }
}

PolicyTotals::Pairs PolicyTotals::all() const {
  Pairs all = past_;
  for (const auto& [generation, pairs] : generations_) add(all, pairs);
  return all;
}

void PolicyTotals::add(Pairs& to, const Pairs& from) {
  for (const auto& [pair, count] : from) {
    if (to.contains(pair) || to.size() < kMostPairs)
      to[pair] += count;
    else
      to[{pair.first, "~other"}] += count;
  }
}

}  // namespace weft
