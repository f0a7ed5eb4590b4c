// SPDX-License-Identifier: Apache-2.0
// `weft policy …` against a control API with the real keeper: output, JSON, exit codes.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "control/policy_keeper.h"
#include "unit/cli_run.h"
#include "unit/control_fake_agent.h"
#include "unit/policy_fake_maps.h"

using namespace weft;
using nlohmann::json;

namespace {

constexpr const char* kPolicy = R"(version: 7
rules:
  - {key: 'user.*', max_length: 64}
  - {key: env, allowed_values: [prod, staging], required: true}
redact: [{pattern: '\d{4}', replace: '****'}]
inject: [{when: {service: orders}, set: {team: shop}}]
scopes: [{when: {service: 'pay-*', percent: 10}, rules: []}]
)";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Scene {
  explicit Scene(const ManualClock& now = {}) : clock(now) {
    std::ofstream(file("baggage.yaml")) << kPolicy;
    BaggageConfig config;
    config.policy_file = file("baggage.yaml");
    REQUIRE(keeper.start(config));
  }
  std::string file(const std::string& name) const { return daemon.folder + "/" + name; }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(file(name)) << text;
    return file(name);
  }
  Finished ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "policy");
    return run_weft(arguments, daemon.socket);
  }
  json answer(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-o", "json"});
    return json::parse(ask(std::move(arguments)).out);
  }

  void not_changed(std::size_t connections, const UnenforcedConnection& like) {
    const std::lock_guard lock(maps.mutex);
    maps.not_changed.assign(connections, like);
  }

  ManualClock clock;  // stands: the server's threads look at it
  FakePolicyMaps maps;
  PolicyKeeper keeper{{maps, clock, [](bool, const std::string&) {}}};
  FakeDaemon daemon{{}, &keeper};
};

}  // namespace

TEST_CASE("weft policy show: every entry with its line and what it did") {
  Scene scene;
  {
    const std::lock_guard lock(scene.maps.mutex);
    policy_counters& top = scene.maps.live[0].sets[0];
    top.texts = 100;
    top.actions[POLICY_KEPT] = 90;
    top.by[POLICY_BY_KEPT][1] = 90;
    top.by[POLICY_BY_NOT_ALLOWED][2] = 4;
    top.by[POLICY_BY_DENIED][3] = 5;
    top.redacted[0] = 6;
    top.injected[0] = 70;
    scene.maps.live[0].sets[1].injected[0] = 1;
  }
  const auto table = scene.ask({"show"});
  CHECK(table.exit_code == 0);
  CHECK(has(table.out, "policy version 7 from " + scene.file("baggage.yaml")));
  for (const char* part : {"top level", "100 headers judged; members: 90 kept", "user.*", "at most 64 bytes",
                           "one of prod|staging, required", "4 not_allowed", "5 denied", "becomes '****'", "team=shop",
                           "service orders", "scope at line 7: service pay-*, 10 % of the traces", "no key passes"})
    CHECK_MESSAGE(has(table.out, part), part, "\n", table.out);
  const json all = scene.answer({"show"});
  CHECK(all["version"] == "7");
  CHECK(all["origin"] == "file");
  CHECK(all["sets"][0]["rules"][0]["hits"]["kept"] == 90);
  CHECK(all["sets"][0]["deny"][2]["hits"] == 5);
  CHECK(all["sets"][0]["deny"][2]["line"] == nullptr);
  CHECK(all["sets"][1]["scope"]["percent"] == 10);
  CHECK(all["inject"][0]["set"][0]["hits"] == 71);
  CHECK(all["refusal"] == nullptr);
  CHECK(scene.ask({"show", "-o", "yaml"}).out.starts_with("version: \"7\"\n"));
}

TEST_CASE("weft policy show: where baggage went out as it was") {
  ManualClock now;
  now.monotonic = 9'000'000'000;
  now.unix_time = 1'700'000'009'000'000'000;
  Scene scene(now);
  CHECK_FALSE(has(scene.ask({"show"}).out, "unenforced"));
  CHECK(scene.answer({"show"})["unenforced"] == json::array());
  const UnenforcedConnection one{.connection_id = 5,
                                 .pid = 123,
                                 .protocol = "http2",
                                 .local = "127.0.0.1:40000",
                                 .peer = "[::1]:80",
                                 .last_ns = 4'000'000'000,
                                 .reasons = {{"indexed", 7}, {"too_large", 1}}};
  scene.not_changed(1, one);
  const json shown = scene.answer({"show"})["unenforced"];
  CHECK(shown == json::parse(R"([{"connection": 5, "pid": 123, "protocol": "http2", "local": "127.0.0.1:40000",
    "peer": "[::1]:80", "reasons": {"indexed": 7, "too_large": 1}, "last_unix_nano": 1700000004000000000}])"));
  const std::string table = scene.ask({"show"}).out;
  for (const char* part : {"unenforced: baggage that went out as it was", "123", "http2", "127.0.0.1:40000", "[::1]:80",
                           "7 indexed, 1 too_large"})
    CHECK_MESSAGE(has(table, part), part, "\n", table);
  scene.not_changed(30, one);
  CHECK(has(scene.ask({"show"}).out, "and 10 connections before these\n"));
}

TEST_CASE("weft policy check: needs no agent; says where a file is wrong") {
  Scene scene;
  const auto fine = run_weft({"policy", "check", scene.file("baggage.yaml")});
  CHECK(fine.exit_code == 0);
  CHECK(has(fine.out, "baggage.yaml: policy version 7 can be used"));
  CHECK(has(fine.out, "WORST STEPS"));
  CHECK(fine.err == "");
  const json report = scene.answer({"check", scene.file("baggage.yaml")});
  CHECK(report["sets"][0]["automaton"]["states"] > 10);
  CHECK(report["sets"][0]["automaton"]["worst_steps"] > 1000);
  CHECK(report["sets"].size() == 2);
  const auto odd = scene.write("odd.yaml", "rules: [{key: env}, {key: env}]\n");
  const auto warned = run_weft({"policy", "check", odd});
  CHECK(warned.exit_code == 0);
  CHECK(warned.err == "warning: " + odd +
                          ":1:27: the rule for 'env' never matches: there is one for the same key "
                          "before it (line 1)\n");
  const auto bad = scene.write("bad.yaml", "version: 1\nredact: [{pattern: 'a\\b', replace: x}]\n");
  const auto refused = run_weft({"policy", "check", bad});
  CHECK(refused.exit_code == 1);
  CHECK_MESSAGE(refused.err.starts_with("weft: " + bad + ":2:"), refused.err);
  CHECK(scene.answer({"check", bad})["line"] == 2);
  const auto none = run_weft({"policy", "check", scene.file("none.yaml")});
  CHECK(none.exit_code == 1);
  CHECK(has(none.err, "none.yaml: cannot be read: No such file or directory"));
}

TEST_CASE("weft policy apply: in force at once, or refused with the place and nothing changed") {
  Scene scene;
  const auto next = scene.write("next.yaml", "version: 8\n");
  const auto done = scene.ask({"apply", next});
  CHECK(done.exit_code == 0);
  CHECK(done.out == "policy version 8 is in force\n");
  CHECK(scene.answer({"show"})["origin"] == "api");
  const auto bad = scene.write("bad.yaml", "version: 9\nrulez: []\n");
  const auto refused = scene.ask({"apply", bad});
  CHECK(refused.exit_code == 1);
  CHECK(has(refused.err, bad + ":2:1: unknown key 'rulez'"));
  const json shown = scene.answer({"show"});
  CHECK(shown["version"] == "8");
  CHECK(shown["refusal"]["line"] == 2);
  CHECK(has(scene.ask({"show"}).out, "refused at "));
  CHECK(run_weft({"policy", "apply", next}, scene.file("no.sock")).exit_code == 3);
}

TEST_CASE("weft policy test: each member's fate, by the agent's policy or by a file") {
  Scene scene;
  const std::string header = "user.id=1234,phone=5,env=dev";
  const auto table = scene.ask({"test", header, "--service", "orders"});
  CHECK(table.exit_code == 0);
  for (const char* part :
       {"redacted     user.id=1234", "user.id=****", "deny 'phone' (built-in)", "not one of its allowed_values",
        "team=shop", "missing: env", "baggage: user.id=****,team=shop", "judged by policy version 7, top level"})
    CHECK_MESSAGE(has(table.out, part), part, "\n", table.out);
  const json elsewhere = scene.answer({"test", header, "--service", "pay-1", "--percent", "5"});
  CHECK(elsewhere["scope"] == "scope 1 (line 7)");
  CHECK(elsewhere["out"] == "");
  const auto open = scene.write("open.yaml", "version: open\n");
  const auto offline = run_weft({"policy", "test", header, "--file", open});
  CHECK(offline.exit_code == 0);
  CHECK(has(offline.out, "baggage: user.id=1234,env=dev"));
}

TEST_CASE("weft policy shadow and diff: what the one on trial would do") {
  Scene scene;
  const auto nothing = scene.ask({"diff"});
  CHECK(nothing.exit_code == 1);
  CHECK(has(nothing.err, "no policy is on trial"));
  const auto next = scene.write("next.yaml", "version: 8\ndeny: [user.id]\n");
  const auto started = scene.ask({"shadow", next, "--for", "10m"});
  CHECK(started.exit_code == 0);
  CHECK(started.out == "policy version 8 is on trial: weft policy diff\n");
  {
    const std::lock_guard lock(scene.maps.mutex);
    scene.maps.shadow->differences[0].texts = 50;
    scene.maps.shadow->differences[0].by[POLICY_BY_DENIED][1] = 12;
  }
  const auto diff = scene.ask({"diff"});
  CHECK(diff.exit_code == 0);
  CHECK(has(diff.out, "policy version 8 from " + next + " beside policy version 7"));
  CHECK_MESSAGE(has(diff.out, "drop           12  user.id     2  denied"), diff.out);
  CHECK(has(diff.out, "50 headers judged by both"));
  CHECK(scene.answer({"diff"})["shadow"]["sets"][0]["deny"][0]["hits"] == 12);
  CHECK(scene.answer({"show"})["version"] == "7");
  CHECK(has(scene.ask({"show"}).out, "beside it on trial: policy version 8"));
  CHECK(scene.ask({"shadow", "--end"}).exit_code == 0);
  CHECK(scene.ask({"diff"}).exit_code == 1);
  const auto bad = scene.ask({"shadow", scene.write("bad.yaml", "deny: {}\n")});
  CHECK(bad.exit_code == 1);
  CHECK(has(bad.err, "bad.yaml:1:7: deny: expected a list"));
}

TEST_CASE("names and values in the answers cannot steer the terminal") {
  Scene scene;
  const auto odd = scene.write("odd.yaml", "version: \"\\e[31m7\"\nredact: [{pattern: \"\\e\\\\[\", replace: x}]\n");
  CHECK(scene.ask({"apply", odd}).exit_code == 0);
  CHECK_FALSE(has(scene.ask({"show"}).out, "\x1b"));
}
