// SPDX-License-Identifier: Apache-2.0
// The automaton against the plain reference: random rule sets, random texts. WEFT_POLICY_SETS asks for more of them.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "support/policy_cases.h"
#include "wire/policy.h"
#include "wire/policy_gather.h"

namespace weft::test {

TEST_CASE("policy: random rule sets and texts, the automaton equals the reference") {
  const char* asked = std::getenv("WEFT_POLICY_SETS");
  const char* seed = std::getenv("WEFT_POLICY_SEED");
  const long sets = asked ? std::atol(asked) : 120;
  Random random(seed ? std::strtoull(seed, nullptr, 10) : 17);
  PolicyJudge judge;
  std::array<std::uint64_t, POLICY_ACTION_COUNT> seen{};
  long texts = 0, refused = 0;
  for (long n = 0; n < sets;) {
    const PolicyCase policy = random_policy(random);
    const auto compiled = compile(policy.rules, policy.limits);
    if (!compiled) { /* an expression that matches the empty text */
      refused++;
      continue;
    }
    n++;
    const PolicyReference reference(policy.rules.top, policy.rules.inject, policy.limits.max_members,
                                    policy.limits.max_bytes);
    for (int k = 0; k < 250; ++k) {
      const PolicyInput input = random_policy_input(random, policy.rules.inject.size());
      PolicyOutcome expected = reference.judge(input);
      const PolicyOutcome found = judge.judge(*compiled->sets.front(), input);
      if (expected.fates.size() > POLICY_FATES) expected.fates.resize(POLICY_FATES);
      CAPTURE(n);
      CAPTURE(input.text);
      CAPTURE(input.cut);
      CAPTURE(input.injectable);
      CAPTURE(input.folded_from);
      for (const Redaction& redaction : policy.rules.top.redact) INFO(redaction.pattern.text);
      for (std::size_t i = 0; i < POLICY_ACTION_COUNT; ++i) {
        CAPTURE(i);
        REQUIRE(found.counts[i] == expected.counts[i]);
        seen[i] += found.counts[i];
      }
      REQUIRE(found.text == expected.text);
      REQUIRE(found.fates == expected.fates);
      texts++;
    }
  }
  std::printf("%ld rule sets (%ld refused), %ld texts; members by fate:", sets, refused, texts);
  for (const auto count : seen) std::printf(" %llu", static_cast<unsigned long long>(count));
  std::printf("\n");
  for (std::size_t i = 0; i < POLICY_ACTION_COUNT; ++i) {
    CAPTURE(i);
    if (i != POLICY_UNJUDGED && i != POLICY_LOST_LINE) CHECK(seen[i] > 0);
  }
}

TEST_CASE("policy: 20,000 random headers of several lines without a policy, the automaton equals the reference") {
  Random random(3);
  GuardedText text(random);
  PolicyJudge judge;
  const auto compiled = compile(default_rule_set());
  REQUIRE(compiled.has_value());
  const PolicyReference reference(default_rule_set().top, {}, POLICY_MEMBERS_MAX, POLICY_BYTES_MAX);
  long clean = 0, malformed = 0, over = 0;
  for (int i = 0; i < 20000; i++) {
    std::vector<std::string> lines = random_baggage(random);
    text.place(lines);
    policy_gather(&judge.run(), text.text(), &text.lines());
    policy_judge(&judge.run(), compiled->sets.front().get(), &judge.counters());
    const std::uint32_t lost = text.lines().more;
    PolicyInput input;
    for (std::size_t n = 0; n < lines.size() && n < TEXT_LINES_MAX; n++)
      if (!lines[n].empty()) input.text += (input.text.empty() ? "" : ",") + lines[n];
    PolicyOutcome expected = reference.judge(input);
    expected.counts[POLICY_LOST_LINE] = lost;
    if (expected.fates.size() > POLICY_FATES) expected.fates.resize(POLICY_FATES);
    CAPTURE(lines);
    REQUIRE(outcome_of(judge.run()) == expected);
    const std::uint32_t dropped = expected.counts[POLICY_OVER_BYTES] + expected.counts[POLICY_OVER_MEMBERS];
    clean += !expected.counts[POLICY_MALFORMED] && !dropped;
    malformed += expected.counts[POLICY_MALFORMED] > 0;
    over += dropped > 0;
  }
  CHECK(clean > 1000);
  CHECK(malformed > 1000);
  CHECK(over > 300);
}

}  // namespace weft::test
