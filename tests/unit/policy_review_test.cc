// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "control/policy_file.h"

using namespace weft;

namespace {

// The warnings as lines; a policy that is refused is its error.
std::string warnings(const std::string& yaml) {
  const auto read = read_policy(yaml, "p.yaml");
  if (!read) return policy_message("p.yaml", read.error());
  std::string lines;
  for (const auto& warning : read->warnings) lines += policy_message("p.yaml", warning) + "\n";
  return lines;
}

}  // namespace

TEST_CASE("a policy without a slip has no warnings") {
  CHECK(warnings("rules:\n  - {key: env, max_length: 8, allowed_values: [prod]}\n  - key: 'user.*'\n  - key: '**'\n"
                 "deny: [session]\nredact: [{pattern: a, replace: b}, {pattern: b, replace: c}]\n"
                 "inject: [{set: {team: shop}}]\n"
                 "scopes: [{when: {service: pay, percent: 10}}, {when: {service: pay}}]\n") == "");
}

TEST_CASE("a rule behind one that takes all its keys never matches") {
  CHECK(warnings("rules:\n- key: env\n- key: env\n") ==
        "p.yaml:3:8: the rule for 'env' never matches: there is one for the same key before it (line 2)\n");
  CHECK(warnings("rules:\n- key: 'user.*'\n- key: user.name\n") ==
        "p.yaml:3:8: the rule for 'user.name' never matches: 'user.*' before it takes every such key (line 2)\n");
  CHECK(warnings("rules:\n- key: User\n- key: user\n") == "");
}

TEST_CASE("a rule for what deny removes") {
  CHECK(warnings("deny: ['Session*']\nrules:\n- key: session_id\n") ==
        "p.yaml:3:8: the rule for 'session_id' contradicts deny 'Session*', which comes first (line 1)\n");
  CHECK(warnings("rules:\n- key: phone\n") ==
        "p.yaml:2:8: the rule for 'phone' contradicts the built-in deny 'phone', which comes first\n");
  CHECK(warnings("deny: [a]\nrules:\n- {key: a, required: true}\n") ==
        "p.yaml:3:9: the required key 'a' contradicts deny 'a', which comes first (line 1)\n");
  CHECK(warnings("deny_defaults: false\nrules:\n- key: phone\n") == "");
}

TEST_CASE("lengths against values") {
  CHECK(warnings("rules:\n- {key: env, max_length: 3, allowed_values: [dev, prod]}\n") ==
        "p.yaml:2:51: the allowed value 'prod' of 'env' is longer than its max_length 3 (line 2)\n");
}

TEST_CASE("doubled denied keys and patterns") {
  CHECK(warnings("deny:\n- 'a*'\n- AB\n") == "p.yaml:3:3: deny 'AB' adds nothing to 'a*' (line 2)\n");
  CHECK(warnings("redact:\n- {pattern: a, replace: b}\n- {pattern: a, replace: c}\n") ==
        "p.yaml:3:13: the same pattern stands before: this one never matches (line 2)\n");
}

TEST_CASE("scopes that never match") {
  CHECK(warnings("scopes:\n- when: {service: pay}\n- when: {service: pay, namespace: shop}\n") ==
        "p.yaml:3:3: the scope never matches: one before it takes everything that it would (line 2)\n");
  CHECK(warnings("scopes:\n- when: {percent: 0}\n") == "p.yaml:2:3: the scope never matches: percent is 0\n");
}

TEST_CASE("an injection of what deny removes, and one behind another") {
  CHECK(warnings("deny: [a]\ninject:\n- set: {a: b}\n") ==
        "p.yaml:3:9: inject sets 'a', which deny 'a' removes from what comes in (line 1)\n");
  CHECK(warnings("inject:\n- set: {a: b}\n- set: {a: c}\n") ==
        "p.yaml:3:9: inject sets 'a' again: the entry before it always wins (line 2)\n");
  CHECK(warnings("inject:\n- {when: {service: x}, set: {a: b}}\n- set: {a: c}\n") == "");
}

TEST_CASE("what scopes take over is told once") {
  CHECK(warnings("rules:\n- key: env\n- key: env\nscopes:\n- when: {service: pay}\n- when: {service: shop}\n") ==
        "p.yaml:3:8: the rule for 'env' never matches: there is one for the same key before it (line 2)\n");
}
