// SPDX-License-Identifier: Apache-2.0
#include "control/policy_file.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

using namespace weft;

namespace {

RuleSet good(const std::string& yaml) {
  const auto read = read_policy(yaml, "p.yaml");
  if (!read) FAIL_CHECK(policy_message("p.yaml", read.error()));
  return read ? read->rules : RuleSet{};
}

std::string error(const std::string& yaml) {
  const auto read = read_policy(yaml, "p.yaml");
  return read ? "accepted" : policy_message("p.yaml", read.error());
}

std::vector<std::string> texts(const std::vector<PlacedText>& placed) {
  std::vector<std::string> all;
  for (const auto& text : placed) all.push_back(text.text);
  return all;
}

}  // namespace

TEST_CASE("the whole of a policy") {
  const RuleSet set = good(R"(version: 7
rules:
  - key: "user.*"
    max_length: 64
    required: false
  - key: env
    allowed_values: [prod, 'staging']
    low_cardinality: true
deny: [ID*, phone]
redact:
  - pattern: '\d{4}-\d{4}'
    replace: '****-****'
inject:
  - {when: {service: orders, namespace: shop, path_prefix: /v1/}, set: {env: prod, tenant_id: "a b"}, overwrite: false}
scopes:
  - when: {service: "pay-*", environment: prod, percent: 12.5}
    rules: []
    deny: [card]
)");
  CHECK(set.name == "p.yaml");
  CHECK(set.version == "7");
  REQUIRE(set.top.rules);
  REQUIRE(set.top.rules->size() == 2);
  const BaggageRule& user = set.top.rules->at(0);
  CHECK(user.key.text == "user.*");
  CHECK(user.place == Place{3, 5});
  CHECK(user.key.place == Place{3, 11});
  CHECK(user.max_length == 64);
  CHECK_FALSE(user.allowed_values);
  CHECK_FALSE(user.low_cardinality);
  const BaggageRule& env = set.top.rules->at(1);
  CHECK(texts(*env.allowed_values) == std::vector<std::string>{"prod", "staging"});
  CHECK(env.allowed_values->at(1).place == Place{7, 29});
  CHECK(env.low_cardinality);
  CHECK(texts(set.top.deny) == std::vector<std::string>{"ID*", "phone", "auth_token", "id_card", "phone"});
  REQUIRE(set.top.redact.size() == 1);
  CHECK(set.top.redact[0].pattern.text == R"(\d{4}-\d{4})");
  CHECK(set.top.redact[0].pattern.at(3) == Place{11, 18});
  CHECK(set.top.redact[0].replace.text == "****-****");
  REQUIRE(set.inject.size() == 1);
  CHECK(set.inject[0].when.service.text == "orders");
  CHECK(set.inject[0].when.service_namespace.text == "shop");
  CHECK(set.inject[0].when.path_prefix.text == "/v1/");
  CHECK(set.inject[0].set.at(0).key.text == "env");
  CHECK(set.inject[0].set.at(1).value.text == "a b");
  CHECK_FALSE(set.inject[0].overwrite);
  REQUIRE(set.scopes.size() == 1);
  CHECK(set.scopes[0].when.percent == 12.5);
  CHECK(set.scopes[0].rules.rules->empty());
}

TEST_CASE("a scope takes over what it does not mention, wherever it stands") {
  const RuleSet set = good(R"(scopes:
- when: {service: a}
- {when: {service: b}, deny: [x], rules: [], redact: []}
- {when: {service: c}, deny_defaults: false}
rules: [{key: env}]
deny: [secret]
redact: [{pattern: a, replace: b}]
)");
  CHECK(set.scopes.at(0).rules.rules->size() == 1);
  CHECK(texts(set.scopes[0].rules.deny) == texts(set.top.deny));
  CHECK(set.scopes[0].rules.redact.size() == 1);
  CHECK(set.scopes.at(1).rules.rules->empty());
  CHECK(texts(set.scopes[1].rules.deny) == std::vector<std::string>{"x", "auth_token", "id_card", "phone"});
  CHECK(set.scopes[1].rules.redact.empty());
  CHECK(texts(set.scopes.at(2).rules.deny) == std::vector<std::string>{"secret"});
}

TEST_CASE("a policy that asks for nothing is the built-in one; a file without anything is refused") {
  for (const char* yaml : {"", "# nothing\n", "---\n", "~"}) {
    CHECK(error(yaml) == "p.yaml: there is nothing in it: write {} for the built-in policy alone");
  }
  for (const char* yaml : {"{}", "deny:\n"}) {
    const RuleSet set = good(yaml);
    CHECK_FALSE(set.top.rules);
    CHECK(texts(set.top.deny) == std::vector<std::string>{"auth_token", "id_card", "phone"});
  }
  CHECK(good("deny_defaults: false").top.deny.empty());
  CHECK(good("rules: []").top.rules->empty());
}

TEST_CASE("a text without a place of its own characters keeps its beginning") {
  const RuleSet set = good("redact:\n- {pattern: \"\\\\d\\\\d\", replace: ''}\n- {pattern: 'it''s', replace: x}\n");
  CHECK(set.top.redact.at(0).pattern.text == R"(\d\d)");
  CHECK(set.top.redact[0].pattern.at(2) == Place{2, 13});
  CHECK(set.top.redact.at(1).pattern.text == "it's");
  CHECK(set.top.redact[1].pattern.at(2) == Place{3, 13});
}

TEST_CASE("what is refused, and where") {
  CHECK(error("a: b: c") == "p.yaml:1:5: illegal map value");
  CHECK(error("rules: [\n").starts_with("p.yaml:2:1: "));
  CHECK(error("- a") == "p.yaml:1:1: expected a map");
  CHECK(error("rulez: []") ==
        "p.yaml:1:1: unknown key 'rulez' (known are rules, deny, deny_defaults, redact, version, inject, scopes)");
  CHECK(error("rules:\n- {key: a, maxlength: 3}") ==
        "p.yaml:2:12: rule: unknown key 'maxlength' (known are key, max_length, required, allowed_values, "
        "low_cardinality)");
  CHECK(error("deny: []\ndeny: []") == "p.yaml:2:1: deny: the key is there twice");
  CHECK(error("rules:\n") ==
        "p.yaml:1:1: rules: nothing is listed: write [] to let no key pass, or leave it out to let all pass");
  CHECK(error("rules: {key: a}") == "p.yaml:1:8: rules: expected a list");
  CHECK(error("rules: [a]") == "p.yaml:1:9: rule: expected a map");
  CHECK(error("rules: [{max_length: 3}]") == "p.yaml:1:9: rule: it has no key");
  CHECK(error("rules: [{key: }]") == "p.yaml:1:10: key: there is no value");
  CHECK(error("rules: [{key: ''}]") == "p.yaml:1:15: key: the key is empty");
  CHECK(error("rules: [{key: 'a b'}]") ==
        "p.yaml:1:17: key: 'a b' never matches: a baggage key consists of letters, digits and !#$%&'*+-.^_`|~");
  CHECK(error("rules: [{key: a, max_length: -1}]") == "p.yaml:1:30: max_length: '-1' is no whole number");
  CHECK(error("rules: [{key: a, max_length: 9000}]") == "p.yaml:1:30: max_length: 9000 is not between 0 and 8192");
  CHECK(error("rules: [{key: a, required: yes}]") == "p.yaml:1:28: required: 'yes' is neither true nor false");
  CHECK(error("rules: [{key: a, allowed_values: []}]") ==
        "p.yaml:1:34: allowed_values: no value is listed; deny the key instead");
  CHECK(error("rules: [{key: a, allowed_values: prod}]") == "p.yaml:1:34: allowed_values: expected a list");
  CHECK(error("redact: [{pattern: a}]") ==
        "p.yaml:1:10: redact entry: it has no replace (an empty text removes what matches)");
  CHECK(error("redact: [{replace: a}]") == "p.yaml:1:10: redact entry: it has no pattern");
  CHECK(error("redact: [{pattern: a, replace: " + std::string(65, 'x') + "}]") ==
        "p.yaml:1:32: replace: more than 64 bytes when percent-encoded");
  CHECK(error("inject: [{when: {service: a}}]") == "p.yaml:1:10: inject entry: it sets nothing");
  CHECK(error("inject: [{set: {a b: c}}]") ==
        "p.yaml:1:17: set: 'a b' is no baggage key (letters, digits and !#$%&'*+-.^_`|~)");
  CHECK(error("inject: [{set: {a: b}, when: {path_prefix: v1}}]") ==
        "p.yaml:1:44: path_prefix: it does not begin with /");
  CHECK(error("inject: [{set: {a: [b]}}]") == "p.yaml:1:20: set: expected a plain value");
  CHECK(error("scopes: [{when: {percent: 101}}]") == "p.yaml:1:27: percent: 101 is not between 0 and 100");
  CHECK(error("scopes: [{when: {service: ''}}]") == "p.yaml:1:27: service: it is empty; leave it out to match all");
  CHECK(error("scopes: [{inject: []}]").starts_with("p.yaml:1:11: scope: unknown key 'inject'"));
  CHECK(error("version: 1\n---\nversion: 2\n") == "p.yaml:3:1: a second document in one file");
  CHECK(error("deny: [*a]").starts_with("p.yaml:1:8: "));
  CHECK(error(std::string(kMostPolicyBytes + 1, '#')) == "p.yaml: the policy has more than 1024 KiB");
}

TEST_CASE("the limits, and the first entry beyond them") {
  std::string rules = "rules:\n", redact = "redact:\n", inject = "inject:\n- set:\n";
  for (int i = 0; i < 256; ++i) rules += "- key: k" + std::to_string(i) + "\n";
  for (int i = 0; i < 64; ++i) redact += "- {pattern: p" + std::to_string(i) + ", replace: x}\n";
  for (int i = 0; i < 16; ++i) inject += "   k" + std::to_string(i) + ": v\n";
  CHECK(good(rules).top.rules->size() == 256);
  CHECK(error(rules + "- key: one\n") == "p.yaml:258:3: rules: more than 256 of them");
  CHECK(good(redact).top.redact.size() == 64);
  CHECK(error(redact + "- {pattern: a, replace: b}\n") == "p.yaml:66:3: redact: more than 64 patterns");
  CHECK(good(inject).inject.at(0).set.size() == 16);
  CHECK(error(inject + "   one: v\n") == "p.yaml:19:4: inject: more than 16 members in all");
}

TEST_CASE("files that are none") {
  char name[] = "/tmp/weft-policy-XXXXXX";
  REQUIRE(mkdtemp(name));
  const std::string folder = name, file = folder + "/p.yaml", pipe = folder + "/pipe";
  CHECK(read_policy_file(file).error().message == file + ": cannot be read: No such file or directory");
  CHECK(read_policy_file(folder).error().message == folder + ": is a directory, not a policy file");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_policy_file(pipe).error().message == pipe + ": is no regular file");
  std::ofstream(file) << "version: 1\n";
  CHECK(read_policy_file(file).value() == "version: 1\n");
  std::ofstream(file) << std::string(kMostPolicyBytes + 1, '#');
  CHECK(read_policy_file(file).error().message == file + ": has more than 1024 KiB");
  for (const std::string& path : {file, pipe}) ::unlink(path.c_str());
  ::rmdir(name);
}
