// SPDX-License-Identifier: Apache-2.0
// Rules and thresholds, as the kernel's machine evaluates them, against what they mean.
#include <doctest/doctest.h>

#include <cctype>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <regex>

#include "sampling/pattern.h"
#include "sampling/table.h"

namespace weft {
namespace {

// The plain meaning of a path pattern.
std::regex meaning_of(std::string_view pattern) {
  std::string expression;
  bool rest = pattern.empty();
  while (pattern.ends_with('*')) pattern.remove_suffix(1), rest = true;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') {
      i = pattern.find('}', i);
      expression += "[^/]+";
    } else if (pattern[i] == '*') {
      expression += "[^/]+";
    } else {
      if (std::isalnum(static_cast<unsigned char>(pattern[i])) == 0) expression += '\\';
      expression += pattern[i];
    }
  }
  return std::regex(expression + (rest ? ".*" : ""));
}

double ratio_by(const std::vector<PlannedRule>& rules, const std::string& method, const std::string& target) {
  return planned_ratio({.rules = rules, .ratio = 0.5}, method, target);
}

bool holds(const std::string& rule_method, const std::string& rule_path, const std::string& method,
           const std::string& target) {
  return ratio_by({{rule_method, rule_path, 1, ""}}, method, target) == 1;
}

TEST_CASE("sampling: what a rule holds for") {
  struct Case {
    const char *rule_method, *rule_path, *method, *target;
    bool expected;
  };
  for (const auto& c : {
           Case{"", "/orders", "GET", "/orders", true},
           Case{"", "/orders", "GET", "/orders?id=1", true},
           Case{"", "/orders", "GET", "/orders/", false},
           Case{"", "/orders", "GET", "/orders/1", false},
           Case{"", "/orders", "GET", "/order", false},
           Case{"", "/orders*", "GET", "/orders/1?x", true},
           Case{"", "/orders*", "GET", "/ordersmith", true},
           Case{"", "/orders/*", "GET", "/orders/", true},
           Case{"", "/orders/*", "GET", "/orders/1/items/2", true},
           Case{"", "/orders/*", "GET", "/orders", false},
           Case{"", "/orders/**", "GET", "/orders/1/items/2", true},
           Case{"", "/users/{id}/orders", "GET", "/users/1234567890/orders", true},
           Case{"", "/users/{id}/orders", "GET", "/users/1/orders/2", false},
           Case{"", "/users/{id}/orders", "GET", "/users//orders", false},
           Case{"", "/users/*/orders", "GET", "/users/x/orders?q=/", true},
           Case{"", "/users/{id}", "GET",
                "/users/"
                "12345678",
                true},
           Case{"", "/users/{id}", "GET", "/users/", false},
           Case{"", "/users/{id}", "GET", "/users/?a", false},
           Case{"", "/", "GET", "/", true},
           Case{"", "/", "GET", "/?a=b", true},
           Case{"", "/", "GET", "/a", false},
           Case{"", "*", "GET", "/anything", true},
           Case{"", "", "OPTIONS", "*", true},
           Case{"", "/orders", "OPTIONS", "*", false},
           Case{"GET", "", "GET", "/x", true},
           Case{"GET", "", "GETS", "/x", false},
           Case{"POST", "/orders", "GET", "/orders", false},
           Case{"VERSION-CONTROL", "/orders", "VERSION-CONTROL", "/orders", true},
           Case{"VERSION-CONTROL", "/orders", "VERSION-CONTROLS", "/orders", false},
           Case{"", "/orders", "GET", "http://shop.example:8080/orders", true},
           Case{"", "/orders", "GET", "http://shop.example/orders?x=1", true},
           Case{"", "/orders", "GET", "http://shop.example", false},
           Case{"", "/orders", "CONNECT", "shop.example:443", false},
           Case{"", "/a-long-path/that-needs/several/words/of-eight/bytes", "GET",
                "/a-long-path/that-needs/several/words/of-eight/bytes", true},
           Case{"", "/a-long-path/that-needs/several/words/of-eight/bytes", "GET",
                "/a-long-path/that-needs/several/words/of-eight/byteX", false},
       }) {
    CAPTURE(c.rule_method);
    CAPTURE(c.rule_path);
    CAPTURE(c.target);
    CHECK(holds(c.rule_method, c.rule_path, c.method, c.target) == c.expected);
  }
}

TEST_CASE("sampling: the first rule that holds decides, else the service's ratio") {
  const std::vector<PlannedRule> rules = {{"GET", "/health*", 0, ""}, {"POST", "", 0.25, ""}, {"", "/health*", 1, ""}};
  CHECK(ratio_by(rules, "GET", "/healthz") == 0);
  CHECK(ratio_by(rules, "POST", "/healthz") == 0.25);
  CHECK(ratio_by(rules, "PUT", "/healthz") == 1);
  CHECK(ratio_by(rules, "PUT", "/orders") == 0.5);
}

TEST_CASE("sampling: random rules and paths agree with their plain meaning") {
  std::mt19937 random(1);
  const std::vector<std::string> words = {"a", "b", "users", "12345678", "longer-than-eight", "x1"};
  const auto pick = [&](std::size_t n) { return random() % n; };
  int matched = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string pattern, path;
    for (std::size_t i = 0, n = 1 + pick(4); i < n; ++i) {
      const auto& word = words[pick(words.size())];
      path += "/" + (pick(20) ? word : std::string());
      const auto kind = pick(4);
      pattern += "/" + (kind == 0   ? std::string("{id}")
                        : kind == 1 ? std::string("*")
                        : pick(8)   ? word
                                    : words[pick(words.size())]);
    }
    if (pick(4) == 0) pattern += pick(2) ? "*" : "/*";
    if (pick(6) == 0) path += "/more";
    if (!problem_of_path(pattern).empty()) continue;
    const std::string query = pick(3) ? "" : "?q=/a/b";
    const bool expected = std::regex_match(path, meaning_of(pattern));
    CAPTURE(pattern);
    CAPTURE(path);
    REQUIRE(holds("", pattern, "GET", path + query) == expected);
    matched += expected;
  }
  CHECK(matched > 2000);
}

TEST_CASE("sampling: what no rule can be") {
  for (const char* bad : {"orders", "/a?b", "/a#b", "/a b", "/a*b/c", "/{a", "/x{id}", "/a\tb"})
    CHECK_MESSAGE(!problem_of_path(bad).empty(), bad);
  for (const char* good : {"", "*", "/", "/a*", "/a/*", "/a/**", "/{id}", "/a/*/b", "/a/{id}/b*"})
    CHECK_MESSAGE(problem_of_path(good).empty(), good);
  CHECK_FALSE(problem_of_path("/" + std::string(kMaxPatternBytes, 'x')).empty());
  CHECK_FALSE(problem_of_method("get").empty());
  CHECK(problem_of_method("M-SEARCH").empty());
}

TEST_CASE("sampling: thresholds are OpenTelemetry's") {
  CHECK(threshold_of(1) == 0);
  CHECK(threshold_of(0) == SAMPLING_NEVER);
  CHECK(threshold_of(0.5) == 0x80000000000000);
  CHECK(threshold_of(0.25) == 0xc0000000000000);
  CHECK(threshold_of(0.01) == 0xfd70a3d7000000);  // the specification's th:fd70a3d70a3d71 in 14 digits; ours are 8
  CHECK(threshold_of(1e-30) == 0xffffffff000000);
  CHECK(threshold_of(NAN) == SAMPLING_NEVER);
  CHECK(ratio_of(threshold_of(0.125)) == 0.125);
}

TEST_CASE("sampling: randomness is the right 56 bits of the trace id") {
  __u8 id[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd};
  CHECK(sampling_randomness(id) == 0x0123456789abcd);
}

TEST_CASE("sampling: services share their rules; what finds no room has the common ones") {
  std::map<std::uint32_t, ServicePlan> plans;
  const ServicePlan same{.rules = {{"GET", "/a", 0.5, ""}, {"", "/b/{id}", 0.1, ""}}, .ratio = 0.2};
  for (std::uint32_t number = 1; number < SAMPLING_SERVICES; ++number) plans.emplace(number, same);
  const auto shared = compile_sampling(plans, {.ratio = 0.3}, {});
  CHECK(shared.problems.empty());
  CHECK(shared.table->services[1].first == shared.table->services[SAMPLING_SERVICES - 1].first);
  CHECK(shared.table->services[0].first == 0);
  CHECK(shared.table->services[0].threshold == threshold_of(0.3));
  for (std::uint32_t number = 1; number < SAMPLING_SERVICES; ++number)
    plans[number].rules[0].path = "/" + std::to_string(number) + "/of/many/different/paths";
  const auto crowded = compile_sampling(plans, {.ratio = 0.3}, {});
  CHECK_FALSE(crowded.problems.empty());
  CHECK(crowded.table->services[SAMPLING_SERVICES - 1].first == 0);
  CHECK(crowded.table->services[SAMPLING_SERVICES - 1].threshold == threshold_of(0.2));
}

}  // namespace
}  // namespace weft
