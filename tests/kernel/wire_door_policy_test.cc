// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the baggage policy gives what the user-space build gives, on the same tables and texts.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "support/policy_cases.h"
#include "support/wire_door.h"
#include "wire/policy.h"
#include "wire/policy_gather.h"

namespace weft::test {
namespace {

KernelDoor& door() {
  static KernelDoor the_door;
  return the_door;
}

}  // namespace

TEST_CASE("policy: random rule sets and texts, kernel equals user space") {
  const char* asked = std::getenv("WEFT_POLICY_SETS");
  const long sets = asked ? std::atol(asked) : 100;
  Random random(19);
  PolicyJudge judge;
  std::uint64_t redacted = 0;
  for (long n = 0; n < sets;) {
    const PolicyCase policy = random_policy(random);
    const auto compiled = compile(policy.rules, policy.limits);
    if (!compiled) continue;
    n++;
    const policy_set& set = *compiled->sets.front();
    memcpy(&door().slot().set, &set, sizeof set);
    door().slot().counters = {};
    judge.counters() = {};
    for (int k = 0; k < 200; ++k) {
      const PolicyInput input = random_policy_input(random, policy.rules.inject.size());
      const PolicyOutcome user = judge.judge(set, input);
      give(door().slot().policy, input);
      door().policy();
      CAPTURE(input.text);
      REQUIRE(door().slot().result == user.text.size());
      REQUIRE(outcome_of(door().slot().policy) == user);
      REQUIRE(door().slot().policy.injected == judge.run().injected);
      redacted += user.counts[POLICY_REDACTED];
    }
    REQUIRE(memcmp(&door().slot().counters, &judge.counters(), sizeof(policy_counters)) == 0);
  }
  CHECK(redacted > 100);
}

TEST_CASE("policy: 5,000 random sets of header lines are joined in the kernel as in user space") {
  Random random(13);
  GuardedText text(random);
  auto user = std::make_unique<policy_run>();
  auto counters = std::make_unique<policy_counters>();
  const auto compiled = compile(default_rule_set());
  REQUIRE(compiled.has_value());
  memcpy(&door().slot().set, compiled->sets.front().get(), sizeof(policy_set));
  for (int i = 0; i < 5000; i++) {
    const std::vector<std::string> lines = random_baggage(random);
    text.place(lines);
    const std::string bytes = text.bytes();
    memcpy(door().slot().text.bytes, bytes.data(), bytes.size());
    door().slot().lines = text.lines();
    policy_gather(user.get(), text.text(), &text.lines());
    door().policy_gather();
    CAPTURE(lines);
    const policy_run& kernel = door().slot().policy;
    REQUIRE(kernel.length == user->length);
    REQUIRE(kernel.cut == user->cut);
    REQUIRE(kernel.lost_lines == user->lost_lines);
    REQUIRE(memcmp(kernel.text, user->text, user->length) == 0);
    policy_judge(user.get(), compiled->sets.front().get(), counters.get());
    door().policy();
    REQUIRE(outcome_of(kernel) == outcome_of(*user));
  }
}

}  // namespace weft::test
