// SPDX-License-Identifier: Apache-2.0
// What the compiler refuses, and where it says the mistake is.
#include <doctest/doctest.h>

#include "policy/compile.h"
#include "policy/expression.h"
#include "support/policy_cases.h"

namespace weft::test {
namespace {

PlacedText at(int line, int column, std::string value) { return {std::move(value), {line, column}, true}; }

RuleSet redacting(const std::vector<std::string>& patterns) {
  RuleSet set;
  int line = 10;
  for (const std::string& pattern : patterns) {
    set.top.redact.push_back({{line, 3}, at(line, 15, pattern), at(line, 60, "*")});
    line++;
  }
  return set;
}

PolicyError refused(const RuleSet& set) {
  auto compiled = compile(set);
  REQUIRE(!compiled.has_value());
  return compiled.error();
}

}  // namespace

TEST_CASE("policy compiler: expressions outside the subset are refused with the character's place") {
  struct Case {
    const char* pattern;
    int column;  // from 0
    const char* reason;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"a+?", 2, "lazy"},
           {"a*?", 2, "lazy"},
           {"a++", 2, "possessive"},
           {"a{1,2}?", 6, "lazy"},
           {"x(?=a)", 1, "look-around"},
           {"x(?!a)", 1, "look-around"},
           {"x(?<=a)", 1, "look-around"},
           {"x(?<n>a)", 1, "named"},
           {"x(?#a)", 1, "(?:"},
           {"a(?i)b", 1, "(?i)"},
           {R"((a)\1)", 3, "back-reference"},
           {R"(a\b)", 1, "word boundaries"},
           {R"(a\x41)", 1, "not supported"},
           {R"(\p{L})", 0, "not supported"},
           {"*a", 0, "nothing to repeat"},
           {"a|+", 2, "nothing to repeat"},
           {"a{256}", 1, "255"},
           {"a{3,2}", 1, "smaller"},
           {"a{x}", 1, "count"},
           {"a{1", 1, "count"},
           {"a**", 2, "group"},
           {"^*", 1, "repeated"},
           {"(a", 0, "closing"},
           {"a)", 1, "opening"},
           {"[a", 0, "closing bracket"},
           {"[b-a]", 2, "backwards"},
           {R"([\d-a])", 3, "range"},
           {"[[:alpha:]]", 1, "[:alpha:]"},
           {"[\xc3\xa4]", 1, "ASCII"},
           {"a\\", 2, "ends"},
       }) {
    CAPTURE(c.pattern);
    const PolicyError error = refused(redacting({"ok", c.pattern}));
    CHECK(error.place.line == 11);
    CHECK(error.place.column == 15 + c.column);
    CAPTURE(error.reason);
    CHECK(error.reason.find(c.reason) != std::string::npos);
  }
}

TEST_CASE("policy compiler: expressions that match the empty text are refused") {
  for (const char* pattern : {"a*", "", "a?", "(a|)", "^", "$", "^$", "a{0}", "(a*)+", "(?i)"}) {
    CAPTURE(pattern);
    const PolicyError error = refused(redacting({pattern}));
    CHECK(error.place == Place{10, 15});
    CHECK(error.reason.find("empty text") != std::string::npos);
  }
}

TEST_CASE("policy compiler: an expression that is too large is named") {
  const PolicyError alone = refused(redacting({"ok", "[ab]*a[ab]{14}c", "fine"}));
  CHECK(alone.place == Place{11, 15});
  CHECK(alone.reason.find("4096 states") != std::string::npos);
  const PolicyError huge = refused(redacting({"ok", "((a{255}){255}){255}"}));
  CHECK(huge.place == Place{11, 15});
}

TEST_CASE("policy compiler: counts up to 255, groups, anchors and classes compile") {
  for (const char* pattern : {"a{255}", "(?:ab|c)+d{2,}", "^[^,;]{1,64}$", R"([\d\w\s.-]+@)", R"([]a]b)", "[a-]b",
                              "(?i)[a-z]x", "\xc3\xa4+", R"(\{\}\.\\\-)", "a{0,3}b", "."}) {
    CAPTURE(pattern);
    CHECK(compile(redacting({pattern})).has_value());
  }
}

TEST_CASE("policy compiler: limits, each with the entry that is one too many") {
  RuleSet rules;
  rules.top.rules.emplace();
  for (int n = 1; n <= 257; n++)
    rules.top.rules->push_back({.place = {n, 5}, .key = at(n, 10, "k" + std::to_string(n))});
  CHECK(refused(rules).place == Place{257, 5});
  rules.top.rules->pop_back();
  CHECK(compile(rules).has_value());

  RuleSet redactions = redacting(std::vector<std::string>(65, "x"));
  CHECK(refused(redactions).place == Place{74, 3});
  redactions.top.redact.pop_back();
  CHECK(compile(redactions).has_value());

  RuleSet injected;
  Injection& injection = injected.inject.emplace_back();
  for (int n = 1; n <= 17; n++) injection.set.push_back({at(n, 2, "k" + std::to_string(n)), at(n, 9, "v")});
  CHECK(refused(injected).place == Place{17, 2});
  injection.set.pop_back();
  CHECK(compile(injected).has_value());
  injection.set.back().value.text = std::string(500, 'x');
  CHECK(refused(injected).reason.find("496") != std::string::npos);

  RuleSet replaced = redacting({"x"});
  replaced.top.redact[0].replace.text = std::string(65, '*');
  CHECK(refused(replaced).place == Place{10, 60});
  replaced.top.redact[0].replace.text = std::string(22, ' ');
  CHECK(refused(replaced).reason.find("66") != std::string::npos);

  RuleSet scopes;
  for (int n = 1; n <= 16; n++) scopes.scopes.push_back({.place = {n, 3}});
  CHECK(refused(scopes).place == Place{16, 3});

  RuleSet keys;
  keys.top.rules.emplace();
  for (int n = 0; n < 60; n++)
    keys.top.rules->push_back(
        {.place = {n + 1, 1},
         .key = at(n + 1, 7, "**a" + std::string(n % 7, '?') + "b**c" + std::to_string(n) + "**")});
  CHECK(refused(keys).reason.find("4096 states") != std::string::npos);
}

TEST_CASE("policy compiler: scopes and injections choose by service, percentages by trace") {
  RuleSet set;
  set.scopes.push_back({.when = {.service = at(1, 1, "pay-*"), .percent = 25.0}});
  set.scopes.push_back({.when = {.environment = at(1, 1, "prod")}});
  Injection& first = set.inject.emplace_back();
  first.when.service = at(1, 1, "orders");
  first.set.push_back({at(1, 1, "a"), at(1, 1, "1")});
  Injection& second = set.inject.emplace_back();
  second.when.path_prefix = at(1, 1, "/v1/");
  second.set.push_back({at(1, 1, "b"), at(1, 1, "2")});
  const auto compiled = compile(set);
  REQUIRE(compiled.has_value());
  REQUIRE(compiled->sets.size() == 3);
  const policy_set& top = *compiled->sets[0];
  CHECK(top.sets == 3);
  CHECK(top.percent[1] == 1ull << 54);
  CHECK(top.percent[2] == 1ull << 56);
  CHECK(top.everywhere == 1);
  CHECK((top.flags & POLICY_PATHS));
  const policy_service pay = service_row(set, {.service = "pay-eu", .environment = "prod"});
  CHECK(pay.scopes == 6);
  CHECK(pay.injected == 2);
  const policy_service orders = service_row(set, {.service = "orders", .environment = "dev"});
  CHECK(orders.scopes == 0);
  CHECK(orders.injected == 3);
}

TEST_CASE("policy compiler: 256 rules and 64 redactions fit, and their size is told") {
  const auto compiled = compile(realistic_policy(256, 64));
  REQUIRE(compiled.has_value());
  const PolicySize& size = compiled->sizes.front();
  CHECK(size.automata.size() == 6);
  for (const auto& automaton : size.automata) {
    MESSAGE(automaton.name << ": " << automaton.states << " states, " << automaton.classes << " classes, "
                           << automaton.bytes << " bytes");
    CHECK(automaton.states <= 4096);
  }
  MESSAGE("tables: " << size.table_bytes << " bytes");
  CHECK(size.table_bytes <= POLICY_CELLS * 2);
  CHECK(size.worst_steps > 0);
}

}  // namespace weft::test
