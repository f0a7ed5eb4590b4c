// SPDX-License-Identifier: Apache-2.0
// The baggage policy on arbitrary bytes: first byte 0–3 chooses a rule set and the rest is a baggage text, which must
// come out as the plain reference says; from 4 on the rest is a regular expression, which must be compiled or refused.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "support/policy_cases.h"

namespace {

using namespace weft;
using namespace weft::test;

constexpr std::size_t longest_text = 120;  // the reference is slow

struct Known {
  RuleSet rules;
  PolicyLimits limits;
  CompiledSet compiled;
  PolicyReference reference;
};

PlacedText text(std::string value) { return {std::move(value), {}, false}; }

RuleSet rules_of(int number) {
  RuleSet set;
  if (number == 0) return set;
  set.top.deny = {text("auth_token"), text("x-*"), text("%41*")};
  set.top.redact = {{{}, text(R"(\d{2}-\d{2})"), text("**")}, {{}, text("(?i)^a[^b]*b$"), text("a b")}};
  Injection injection;
  injection.overwrite = number == 2;
  injection.set = {{text("env"), text("prod")}, {text("Who"), text("x y")}};
  set.inject = {injection};
  if (number < 3) return set;
  set.top.rules.emplace();
  set.top.rules->push_back({.key = text("a.*"), .max_length = 5, .required = true});
  set.top.rules->push_back({.key = text("B?"), .allowed_values = std::vector{text("1"), text("a,b")}});
  set.top.rules->push_back({.key = text("**k")});
  return set;
}

Known known(int number) {
  const RuleSet rules = rules_of(number);
  const PolicyLimits limits = number == 2 ? PolicyLimits{.max_members = 3, .max_bytes = 60} : PolicyLimits{};
  auto compiled = compile(rules, limits);
  if (!compiled) std::abort();
  return {rules, limits, std::move(*compiled),
          PolicyReference(rules.top, rules.inject, limits.max_members, limits.max_bytes)};
}

void check_text(const Known& set, std::string_view bytes) {
  static PolicyJudge judge;
  PolicyInput input;
  input.cut = bytes.size() % 7 == 0;
  input.injectable = bytes.size() % 5 == 0 ? 0 : 3;
  if (bytes.size() % 3 == 0) input.folded_from = bytes.size() / 2;
  input.text = bytes.substr(0, longest_text);
  const PolicyOutcome expected = set.reference.judge(input), found = judge.judge(*set.compiled.sets.front(), input);
  if (found.text == expected.text && found.counts == expected.counts) return;
  std::fprintf(stderr, "policy_fuzz: '%s' instead of '%s'\n", found.text.c_str(), expected.text.c_str());
  std::abort();
}

void check_expression(std::string_view bytes) {
  RuleSet set;
  set.top.redact = {{{}, text(std::string(bytes.substr(0, 60))), text("*")}};
  const auto compiled = compile(set);
  if (!compiled && compiled.error().reason.empty()) std::abort();
  if (!compiled) return;
  static PolicyJudge judge;
  const PolicyOutcome outcome = judge.judge(*compiled->sets.front(), {.text = "k=" + std::string(bytes)});
  if (outcome.text.size() > POLICY_BYTES_MAX) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Known sets[] = {known(0), known(1), known(2), known(3)};
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] < 4)
    check_text(sets[data[0]], rest);
  else
    check_expression(rest);
  return 0;
}
