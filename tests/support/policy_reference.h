// SPDX-License-Identifier: Apache-2.0
// What the baggage policy means, written down the plain way: split, decode, match, join. Slow, and shares nothing with
// the compiler or the automata.
#pragma once

#include <array>
#include <cstdint>
#include <regex>
#include <string>
#include <vector>

#include "policy/rule_set.h"
#include "wire/policy_set.h"

namespace weft::test {

struct PolicyInput {
  std::string text;
  bool cut = false;
  std::size_t folded_from = ~std::size_t{0};
  std::uint32_t injectable = 0;
};

struct PolicyOutcome {
  std::string text;
  std::array<std::uint32_t, POLICY_ACTION_COUNT> counts{};
  std::vector<policy_action> fates;  // of members that were not empty
  bool operator==(const PolicyOutcome&) const = default;
};

class PolicyReference {
 public:
  PolicyReference(const PolicyRules& rules, const std::vector<Injection>& inject, std::size_t max_members,
                  std::size_t max_bytes);
  PolicyOutcome judge(const PolicyInput& input) const;

 private:
  struct Pattern {
    std::regex whole;
    std::string replace;  // encoded
  };
  struct Injected {
    std::string key, text;
    bool overwrite;
  };
  struct Run;
  policy_action member(const std::string& raw, bool folded, Run& run) const;
  bool redact(std::string& token) const;

  PolicyRules rules_;
  std::vector<Pattern> patterns_;
  std::vector<Injected> injected_;
  std::size_t max_members_, max_bytes_;
};

bool reference_glob(const std::string& glob, const std::string& key);

}  // namespace weft::test
