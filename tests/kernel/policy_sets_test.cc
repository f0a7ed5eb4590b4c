// SPDX-License-Identifier: Apache-2.0
// Rule sets that come and go while a program is traced: which one judges, which one counts, and what a shadow does.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <map>
#include <thread>

#include "policy_scene.h"

namespace weft::test {
TEST_CASE("policy: without a rule set nothing passes, with a shadow beside it as well") {
  Scene scene;
  scene.trace();
  CHECK(header(scene.called("a", get("/1", "baggage: a=1\r\n")), "baggage") == std::vector<std::string>{"a=1"});
  take_away_live_set();
  CHECK(header(scene.called("a", get("/2", "baggage: a=1\r\n")), "baggage") == std::vector<std::string>{""});
  CHECK(pass(scene, "/3", "baggage: a=1\r\n").baggage == "-");
  REQUIRE(scene.kernel().policy().publish_shadow(image(RuleSet{}, 7)).has_value());
  CHECK(header(scene.called("a", get("/4", "baggage: a=1\r\n")), "baggage") == std::vector<std::string>{""});
  CHECK(pass(scene, "/5", "baggage: a=1\r\n").baggage == "-");
}

TEST_CASE("policy: a request keeps the result of the rule set that was live when it came") {
  Scene scene;
  const auto version = [](int n) {
    RuleSet rules = denying(n % 2 ? "odd" : "even");
    rules.inject.push_back(injecting("v", std::to_string(n)));
    return rules;
  };
  publish(scene, version(0), 100);
  scene.trace();
  for (int n = 0; n < 40; n++) {
    const Passed passed = pass(scene, fmt::format("/{}", n), "baggage: odd=1,even=1\r\n", kContext,
                               [&] { publish(scene, version(n + 1), 101 + n); });
    CHECK(passed.baggage == fmt::format("{},v={}", n % 2 ? "even=1" : "odd=1", n));
  }
  // Live first, then the one before it, whose last counts are still there.
  const auto counts = scene.kernel().policy().counts();
  REQUIRE(counts.size() >= 2);
  CHECK(counts[0].generation == 140);
  CHECK(counts[0].sets.at(0).texts == 0);
  CHECK(counts[1].generation == 139);
  CHECK(counts[1].sets.at(0).texts == 1);
}

TEST_CASE("policy: a text counts for the set that judged it, however fast sets follow one another") {
  Scene scene;
  const auto version = [](std::uint64_t n) {
    RuleSet rules = denying(n % 2 ? "odd" : "even");
    rules.inject.push_back(injecting("v", std::to_string(n)));
    return policy_image(*compile(rules), n);
  };
  const auto trial = [](std::uint64_t n) {
    RuleSet rules = denying(n % 2 ? "b" : "none");
    if (n % 2 == 0) rules.top.redact.push_back({{}, text("12"), text("*")});
    return policy_image(*compile(rules), n);
  };
  PolicyMaps& policy = scene.kernel().policy();
  REQUIRE(policy.publish(version(1)).has_value());
  REQUIRE(policy.publish_shadow(trial(1)).has_value());
  scene.trace();

  constexpr std::uint64_t kSwaps = 300;
  std::map<std::uint64_t, std::uint64_t> answered, counted;
  std::size_t most = 0, mixed = 0, refused = 0;
  const auto read = [&] {
    const auto all = policy.counts();
    most = std::max(most, all.size());
    for (const auto& counts : all) counted[counts.generation] = counts.sets.at(0).texts;
    const auto shadow = policy.shadow_counts()->differences.at(0);
    const bool denies = policy.shadow_counts()->generation % 2;
    mixed += denies ? shadow.redacted[0] != 0 : shadow.actions[POLICY_DENIED] != 0;
  };
  std::atomic<bool> done = false;
  std::jthread swapping([&] {
    for (std::uint64_t n = 2; n <= kSwaps; ++n) {
      read();
      refused += !policy.publish(version(n)).has_value();
      if (n % 10 == 0) refused += !policy.publish_shadow(trial(n / 10)).has_value();
    }
    done = true;
  });
  for (int n = 0; n < 200 || !done; n++) {
    const std::string baggage = pass(scene, fmt::format("/{}", n), "baggage: odd=1,even=1,a=12,b=3\r\n").baggage;
    const auto v = baggage.find(",v=");
    REQUIRE(v != std::string::npos);
    const std::uint64_t by = std::stoull(baggage.substr(v + 3));
    CHECK(baggage == fmt::format("{},a=12,b=3,v={}", by % 2 ? "even=1" : "odd=1", by));
    answered[by]++;
  }
  swapping.join();
  read();
  std::erase_if(counted, [](const auto& generation) { return generation.second == 0; });
  CHECK(counted == answered);
  CHECK(answered.size() > 20);
  CHECK(most < POLICY_SLOTS);
  CHECK(mixed == 0);
  CHECK(refused == 0);
}

TEST_CASE("policy: a shadow changes nothing and counts what it would do that the live set does not") {
  Scene scene;
  RuleSet live = denying("both");
  live.inject.push_back(injecting("env", "prod"));
  publish(scene, live);
  RuleSet shadow = denying("both");
  shadow.top.deny.push_back(text("new"));
  shadow.top.redact.push_back({{}, text("secret"), text("*")});
  shadow.inject.push_back(injecting("env", "prod"));
  shadow.inject.push_back(injecting("tenant", "acme"));
  scene.trace();
  REQUIRE(scene.kernel().policy().publish_shadow(image(shadow, 7)).has_value());
  CHECK(pass(scene, "/1", "baggage: a=secret,both=1,new=2,b=3\r\n").baggage == "a=secret,new=2,b=3,env=prod");
  const auto counts = scene.kernel().policy().shadow_counts();
  REQUIRE(counts.has_value());
  CHECK(counts->generation == 7);
  const policy_counters& all = counts->sets.at(0);
  CHECK(all.actions[POLICY_DENIED] == 2);
  CHECK(all.actions[POLICY_REDACTED] == 1);
  CHECK(all.actions[POLICY_INJECTED] == 2);
  const policy_counters& different = counts->differences.at(0);
  CHECK(different.texts == 1);
  CHECK(different.actions[POLICY_DENIED] == 1);
  CHECK(different.by[POLICY_BY_DENIED][2] == 1);
  CHECK(different.actions[POLICY_REDACTED] == 1);
  CHECK(different.redacted[0] == 1);
  CHECK(different.actions[POLICY_INJECTED] == 1);
  CHECK(different.injected[1] == 1);
  CHECK(different.actions[POLICY_KEPT] == 0);

  scene.kernel().policy().end_shadow();
  CHECK(!scene.kernel().policy().shadow_counts().has_value());
  CHECK(pass(scene, "/2", "baggage: new=2\r\n").baggage == "new=2,env=prod");
}

}  // namespace weft::test
