// SPDX-License-Identifier: Apache-2.0
// The keeper with real files, the real compiler and a target that only remembers.
#include "control/policy_keeper.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "unit/policy_fake_maps.h"

using namespace weft;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMinute_ns = 60'000'000'000;

struct Scene {
  Scene() {
    char name[] = "/tmp/weft-keeper-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder = name;
    config.policy_file = file();
  }
  ~Scene() { fs::remove_all(folder); }

  std::string file() const { return folder + "/baggage.yaml"; }
  void write(const std::string& text) { std::ofstream(file()) << text; }
  std::string in_force() { return keeper.summary().version; }

  std::string folder;
  BaggageConfig config;
  FakePolicyMaps target;
  ManualClock clock;
  std::vector<std::string> lines;
  PolicyKeeper keeper{{target, clock, [this](bool, const std::string& line) { lines.push_back(line); }}};
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("no file: the built-in policy; the file is taken when it comes") {
  Scene scene;
  REQUIRE(scene.keeper.start(scene.config));
  CHECK(scene.in_force() == "default");
  CHECK(scene.keeper.summary().origin == "default");
  scene.write("version: 1\n");
  scene.keeper.poll();
  CHECK(scene.in_force() == "1");
  CHECK(scene.keeper.summary().origin == "file");
}

TEST_CASE("a file that was asked for must be there and good, or nothing starts") {
  Scene scene;
  scene.config.policy_named = true;
  CHECK(scene.keeper.start(scene.config).error().message ==
        scene.file() + ": cannot be read: No such file or directory");
  scene.write("rulez: []\n");
  CHECK(has(scene.keeper.start(scene.config).error().message, scene.file() + ":1:1: unknown key 'rulez'"));
  scene.write("redact:\n- {pattern: 'a(?=b)', replace: x}\n");
  const std::string message = scene.keeper.start(scene.config).error().message;
  CHECK_MESSAGE(has(message, scene.file() + ":2:15: "), message);
  CHECK(check_policy(scene.config).error().message == message);
  scene.write("version: good\n");
  CHECK(scene.keeper.start(scene.config));
}

TEST_CASE("a bad set is refused with its place, and the one before it stays") {
  Scene scene;
  scene.write("version: 1\n");
  REQUIRE(scene.keeper.start(scene.config));
  for (const auto& [text, problem] : {std::pair{"version: [2]\n", ":1:10: version: expected a plain value"},
                                      {"redact: [{pattern: '(', replace: x}]\n", ":1:"},
                                      {"", ": there is nothing in it"}}) {
    scene.write(text);
    scene.keeper.poll();
    CHECK(scene.in_force() == "1");
    CHECK_MESSAGE(has(scene.keeper.summary().problem, scene.file() + problem), scene.keeper.summary().problem);
    CHECK(has(scene.keeper.summary().problem, "version 1 stays in force"));
    CHECK(has(scene.lines.back(), "the one before it stays in force (version 1)"));
  }
  CHECK(scene.keeper.summary().refused == 3);
  CHECK(scene.target.published == 1);
  scene.write("version: 2\n");
  scene.keeper.poll();
  CHECK(scene.in_force() == "2");
  CHECK(scene.keeper.summary().problem == "");
}

TEST_CASE("a file that vanishes or becomes a folder") {
  Scene scene;
  scene.write("version: 1\n");
  REQUIRE(scene.keeper.start(scene.config));
  fs::remove(scene.file());
  scene.keeper.poll();
  CHECK(scene.in_force() == "1");
  CHECK(has(scene.keeper.summary().problem, scene.file() + ": cannot be read: No such file or directory"));
  fs::create_directory(scene.file());
  scene.keeper.poll();
  CHECK(has(scene.keeper.summary().problem, scene.file() + ": is a directory"));
  fs::remove(scene.file());
  scene.write("version: 1\n");
  scene.keeper.poll();
  CHECK(scene.keeper.summary().problem == "");
}

TEST_CASE("a set that was pushed holds until the file next changes") {
  Scene scene;
  scene.write("version: file\n");
  REQUIRE(scene.keeper.start(scene.config));
  REQUIRE(scene.keeper.apply_policy("version: pushed\n", "api"));
  CHECK(scene.in_force() == "pushed");
  CHECK(scene.keeper.summary().origin == "api");
  scene.write("version: file\n");  // the same again
  scene.keeper.poll();
  CHECK(scene.in_force() == "pushed");
  scene.write("version: newer\n");
  scene.keeper.poll();
  CHECK(scene.in_force() == "newer");
  const auto refused = scene.keeper.apply_policy("a: b\n", "mine.yaml");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().error.place == Place{1, 1});
  CHECK(has(refused.error().message(), "mine.yaml:1:1: unknown key 'a'"));
  CHECK(scene.in_force() == "newer");
}

TEST_CASE("SIGHUP reads again: the same file, another one, a policy inside weft.yaml") {
  Scene scene;
  scene.write("version: 1\n");
  REQUIRE(scene.keeper.start(scene.config));
  REQUIRE(scene.keeper.apply_policy("version: pushed\n", "api"));
  scene.keeper.reload(scene.config);
  CHECK(scene.in_force() == "1");
  const std::string other = scene.folder + "/other.yaml";
  std::ofstream(other) << "version: other\n";
  scene.config.policy_file = other;
  scene.keeper.reload(scene.config);
  CHECK(scene.in_force() == "other");
  scene.write("version: 2\n");
  scene.keeper.poll();
  CHECK(scene.in_force() == "other");

  BaggageConfig written_out;
  written_out.policy = *read_policy("version: inline\n", scene.folder + "/weft.yaml");
  scene.keeper.reload(written_out);
  CHECK(scene.in_force() == "inline");
  CHECK(scene.keeper.summary().origin == "inline");
}

TEST_CASE("a changed weft.yaml: only what it says of the policy anew takes the place of a pushed one") {
  Scene scene;
  scene.write("version: 1\n");
  REQUIRE(scene.keeper.start(scene.config));
  REQUIRE(scene.keeper.apply_policy("version: pushed\n", "api"));
  scene.keeper.config_changed(scene.config);
  CHECK(scene.in_force() == "pushed");
  scene.keeper.config_refused("weft.yaml:1:1: broken");
  CHECK(scene.keeper.summary().problem.empty());
  scene.config.max_members = 3;
  scene.keeper.config_changed(scene.config);
  CHECK(scene.in_force() == "1");

  BaggageConfig written_out;
  written_out.policy = *read_policy("version: inline\n", scene.folder + "/weft.yaml");
  scene.keeper.config_changed(written_out);
  CHECK(scene.in_force() == "inline");
  scene.write("version: 2\n");
  scene.keeper.poll();
  CHECK(scene.in_force() == "inline");
  written_out.policy = *read_policy("version: inline 2\n", scene.folder + "/weft.yaml");
  scene.keeper.config_changed(written_out);
  CHECK(scene.in_force() == "inline 2");
  scene.keeper.config_refused("weft.yaml:1:1: broken");
  CHECK(scene.in_force() == "inline 2");
  CHECK(has(scene.keeper.summary().problem, "weft.yaml:1:1: broken"));

  scene.keeper.config_changed(scene.config);  // back in a file of its own, which is followed again
  CHECK(scene.in_force() == "2");
  scene.write("version: 3\n");
  scene.keeper.poll();
  CHECK(scene.in_force() == "3");
}

TEST_CASE("what the kernel refuses is no change either") {
  Scene scene;
  REQUIRE(scene.keeper.start(scene.config));
  scene.target.fails = true;
  const auto applied = scene.keeper.apply_policy("version: 2\n", "api");
  REQUIRE_FALSE(applied);
  CHECK(applied.error().message() == "api: no room in the kernel");
  CHECK(scene.in_force() == "default");
}

TEST_CASE("a trial runs beside and ends by itself or by hand; a bad one is no trouble of the agent's") {
  Scene scene;
  REQUIRE(scene.keeper.start(scene.config));
  REQUIRE(scene.keeper.try_policy("version: trial\ndeny: [a]\n", "t.yaml", std::chrono::minutes(10)));
  CHECK(scene.in_force() == "default");
  scene.target.shadow->differences[0].by[POLICY_BY_DENIED][1] = 5;
  CHECK(scene.keeper.policy_status().shadow->sets.at(0).counts.by[POLICY_BY_DENIED][1] == 5);
  scene.clock.unix_time += 9 * kMinute_ns;
  scene.keeper.poll();
  CHECK(scene.keeper.policy_status().shadow);
  scene.clock.unix_time += 2 * kMinute_ns;
  scene.keeper.poll();
  CHECK_FALSE(scene.keeper.policy_status().shadow);
  CHECK_FALSE(scene.target.shadow);
  REQUIRE(scene.keeper.try_policy("version: trial 2\n", "t.yaml", std::chrono::nanoseconds(0)));
  scene.clock.unix_time += 1000 * 60 * kMinute_ns;
  scene.keeper.poll();
  CHECK(scene.keeper.policy_status().shadow);
  CHECK_FALSE(scene.keeper.try_policy("rules: {}\n", "t.yaml", std::chrono::nanoseconds(0)));
  CHECK(scene.keeper.policy_status().shadow->rules.version == "trial 2");
  CHECK(scene.keeper.summary().problem == "");
  scene.keeper.end_trial();
  CHECK_FALSE(scene.target.shadow);
}

TEST_CASE("counters by action and rule go on over reloads") {
  Scene scene;
  scene.write("version: 1\nrules: [{key: env}, {key: 'user.*'}]\ninject: [{set: {team: a}}]\n");
  REQUIRE(scene.keeper.start(scene.config));
  policy_counters& one = scene.target.live[0].sets[0];
  one.by[POLICY_BY_KEPT][1] = 10;
  one.by[POLICY_BY_TOO_LONG][2] = 3;
  one.by[POLICY_BY_DENIED][3] = 2;
  one.injected[0] = 7;
  one.actions[POLICY_KEPT] = 10;
  one.actions[POLICY_DENIED] = 2;
  one.actions[POLICY_TOO_LONG] = 3;
  one.actions[POLICY_INJECTED] = 7;
  one.actions[POLICY_NO_RULE] = 4;
  for (int i = 0; i < 12; ++i) {
    REQUIRE(scene.keeper.apply_policy("rules: [{key: env}]\n", "api"));
    scene.target.live.back().sets[0].by[POLICY_BY_KEPT][1] = 1;
  }
  const PolicyTotals::Pairs expected{{{"kept", "env"}, 22},
                                     {{"too_long", "user.*"}, 3},
                                     {{"denied", "phone"}, 2},
                                     {{"injected", "team"}, 7},
                                     {{"no_rule", ""}, 4}};
  CHECK(scene.keeper.totals() == expected);
  CHECK(scene.keeper.totals() == expected);
}

TEST_CASE("which keys may show their values") {
  Scene scene;
  std::function<bool(std::string_view)> shows;
  scene.keeper.on_value_keys = [&](auto wanted) { shows = std::move(wanted); };
  scene.write(
      "rules: [{key: env, low_cardinality: true}, {key: 'user.*'}, {key: '*', low_cardinality: true}]\n"
      "scopes: [{when: {service: a}, rules: [{key: 'x.**', low_cardinality: true}]}]\n");
  REQUIRE(scene.keeper.start(scene.config));
  scene.keeper.poll();
  REQUIRE(shows);
  CHECK(shows("env"));
  CHECK(shows("tenant"));
  CHECK(shows("x.y.z"));
  CHECK_FALSE(shows("user.name"));
  CHECK_FALSE(shows("a.b"));
  REQUIRE(scene.keeper.apply_policy("{}", "api"));
  scene.keeper.poll();
  CHECK_FALSE(shows);
}

TEST_CASE("a question is answered by the set in force") {
  Scene scene;
  scene.write("version: 3\nrules: [{key: env}]\n");
  REQUIRE(scene.keeper.start(scene.config));
  PolicyQuestion question;
  question.baggage = "env=prod,phone=1";
  const auto explained = scene.keeper.explain_policy(question);
  REQUIRE(explained);
  CHECK(explained->version == "3");
  CHECK(explained->out == "env=prod");
}
