// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "control/policy_file.h"
#include "policy/explain.h"

using namespace weft;

namespace {

CompiledSet compiled(const std::string& yaml) {
  const auto read = read_policy(yaml, "p.yaml");
  REQUIRE(read);
  auto set = compile(read->rules);
  REQUIRE(set);
  return std::move(*set);
}

PolicyExplanation ask(const CompiledSet& set, const std::string& baggage, const std::string& service = "",
                      std::optional<double> percent = {}, const std::string& path = "/") {
  PolicyQuestion question;
  question.baggage = baggage;
  question.subject.service = service;
  question.percent = percent;
  question.path = path;
  return explain(set, question);
}

// "fate: member -> out (reason)", one a line.
std::string lines(const PolicyExplanation& explanation) {
  std::string all;
  for (const auto& one : explanation.members)
    all += one.fate + ": " + one.member + " -> " + one.out + " (" + one.reason + ")\n";
  return all;
}

}  // namespace

TEST_CASE("every fate a member can have, in the words of the file") {
  const CompiledSet set = compiled(R"(version: 4
rules:
  - {key: 'user.*', max_length: 4}
  - {key: env, allowed_values: [prod]}
  - {key: note}
deny: [secret]
redact:
  - {pattern: '\d{4}', replace: '****'}
inject:
  - set: {note: ours}
    overwrite: false
  - {set: {team: shop}}
)");
  const auto explanation =
      ask(set, "user.id=bob , user.id=robert,env=prod,env=dev,,SECRET=x,phone=1,other=1,note=a1234b;p=9999,user.x=%zz");
  CHECK(lines(explanation) ==
        "kept: user.id=bob -> user.id=bob (rule 'user.*' (line 3))\n"
        "too_long: user.id=robert ->  (rule 'user.*' (line 3): longer than its max_length 4)\n"
        "kept: env=prod -> env=prod (rule 'env' (line 4))\n"
        "not_allowed: env=dev ->  (rule 'env' (line 4): not one of its allowed_values)\n"
        "denied: SECRET=x ->  (deny 'secret' (line 6))\n"
        "denied: phone=1 ->  (deny 'phone' (built-in))\n"
        "no_rule: other=1 ->  (no rule allows this key)\n"
        "redacted: note=a1234b;p=9999 -> note=a****b;p=**** (rule 'note' (line 5); redact '\\d{4}' (line 8))\n"
        "malformed: user.x=%zz ->  (not as W3C Baggage has it: no '=', a bad '%', an empty property or a byte that "
        "must be encoded)\n"
        "injected:  -> team=shop (inject (line 12))\n");
  CHECK(explanation.out == "user.id=bob,env=prod,note=a****b;p=****,team=shop");
  CHECK(explanation.scope == "top level");
  CHECK(explanation.version == "4");
}

TEST_CASE("an injected member takes the place of one that came") {
  const auto explanation = ask(compiled("inject: [{set: {env: prod}}]\n"), "env=dev,a=b");
  CHECK(lines(explanation) ==
        "overwritten: env=dev ->  (an injected member takes its place)\n"
        "kept: a=b -> a=b (no rules: every key passes)\n"
        "injected:  -> env=prod (inject (line 1))\n");
}

TEST_CASE("required keys that did not come") {
  const CompiledSet set = compiled("rules: [{key: env, required: true}, {key: 'user.*', required: true}]\n");
  CHECK(ask(set, "env=prod").missing == std::vector<std::string>{"user.*"});
  CHECK(ask(set, "").missing == std::vector<std::string>{"env", "user.*"});
  CHECK(ask(set, "user.a=1,env=1").missing.empty());
}

TEST_CASE("scopes by service and by share of the traces; paths of injections") {
  const CompiledSet set = compiled(R"(scopes:
  - {when: {service: 'pay-*', percent: 10}, rules: []}
  - {when: {service: 'pay-eu'}, rules: [{key: eu}]}
inject:
  - {when: {service: 'pay-*', path_prefix: /v1/}, set: {api: v1}}
)");
  CHECK(ask(set, "eu=1").scope == "top level");
  CHECK(ask(set, "eu=1", "pay-us").scope == "top level");
  CHECK(ask(set, "eu=1", "pay-us", 9.9).scope == "scope 1 (line 2)");
  CHECK(ask(set, "eu=1", "pay-us", 10).scope == "top level");
  CHECK(ask(set, "eu=1", "pay-eu", 50).scope == "scope 2 (line 3)");
  CHECK(ask(set, "eu=1,x=1", "pay-eu").out == "eu=1");
  CHECK(ask(set, "eu=1", "pay-us", 1, "/v1/x").out == "api=v1");
  CHECK(ask(set, "eu=1", "pay-us", 1, "/v2/x").out == "");
  CHECK(ask(set, "eu=1", "shop", 1, "/v1/x").out == "eu=1");
}

TEST_CASE("no baggage, and more than a header may hold") {
  const CompiledSet set = compiled("{}");
  CHECK(ask(set, "").members.empty());
  CHECK(ask(set, " , ,").out == "");
  const auto explanation = ask(set, "a=1,b=" + std::string(20'000, 'x') + ",c=1");
  CHECK(explanation.out == "a=1");
  REQUIRE(explanation.members.size() == 3);
  CHECK(explanation.members[0].fate == "kept");
  CHECK(explanation.members[1].out == "");
  CHECK(explanation.members[2].out == "");
  std::string many;
  for (int i = 0; i < 300; ++i) many += "k" + std::to_string(i) + "=v,";
  const auto over = ask(set, many);
  REQUIRE(over.members.size() == 300);
  CHECK(over.members[63].fate == "kept");
  CHECK(over.members[64].fate == "over_members");
  CHECK(over.members[299].out == "");
}
