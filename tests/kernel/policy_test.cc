// SPDX-License-Identifier: Apache-2.0
// The baggage policy where it runs: a traced program is asked with baggage, calls on, and what arrives is looked at.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <map>
#include <thread>

#include "control/policy_image.h"
#include "lifecycle_scene.h"

namespace weft::test {
namespace {

const std::string kContext = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

PlacedText text(std::string value) { return {std::move(value), {}, false}; }

RuleSet denying(std::string key) {
  RuleSet set;
  set.top.deny.push_back(text(std::move(key)));
  return set;
}

Injection injecting(std::string key, std::string value, std::string path = {}, std::string service = {}) {
  Injection injection;
  injection.when.path_prefix = text(std::move(path));
  injection.when.service = text(std::move(service));
  injection.set.push_back({text(std::move(key)), text(std::move(value))});
  return injection;
}

PolicyImage image(const RuleSet& rules, std::uint64_t generation = 1) {
  const auto compiled = compile(rules);
  REQUIRE(compiled.has_value());
  return policy_image(*compiled, generation);
}

void publish(Scene& scene, const RuleSet& rules, std::uint64_t generation = 1) {
  const auto published = scene.kernel().policy().publish(image(rules, generation));
  REQUIRE(published.has_value());
}

// What the agent never does: no rule set is live any more.
void take_away_live_set() {
  bool found = false;
  for (__u32 id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    const Fd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 bytes = sizeof info;
    const __u32 live = POLICY_LIVE;
    if (map.get() < 0 || bpf_obj_get_info_by_fd(map.get(), &info, &bytes)) continue;
    if (std::string_view(info.name) != "policy_generati") continue;
    found |= bpf_map_delete_elem(map.get(), &live) == 0;  // one that the kernel is about to free has none
  }
  REQUIRE(found);
}

// One request to the program, a call of it on behalf of that request, its answer. What the call carried.
struct Passed {
  std::string baggage;  // "-": no such header
  ReportedRequest request;
};
Passed pass(Scene& scene, const std::string& target, const std::string& baggage_lines,
            const std::string& context = kContext, const std::function<void()>& between = {}) {
  const Scene::Taken taken = scene.take("a", get(target, context + baggage_lines));
  if (between) between();
  const auto values = header(scene.called("a", get("/out" + target)), "baggage");
  REQUIRE(scene.tell("a", fmt::format("send {}", taken.fd), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") != "");
  CHECK(values.size() <= 1);
  return {values.empty() ? "-" : values.front(), scene.request(target)};
}

}  // namespace

TEST_CASE("policy: denied, unlisted and long members stay, values are redacted, members are injected") {
  Scene scene;
  RuleSet rules = denying("auth_token");
  rules.top.rules.emplace();
  rules.top.rules->push_back({.key = text("user.*"), .max_length = 8});
  rules.top.rules->push_back({.key = text("card")});
  rules.top.redact.push_back({{}, text(R"(\d{4}-\d{4}-\d{4}-\d{4})"), text("****")});
  rules.inject.push_back(injecting("env", "prod"));
  rules.inject.push_back(injecting("api", "v1", "/v1/"));
  publish(scene, rules);
  scene.trace();
  const Passed passed = pass(scene, "/v1/x",
                             "baggage: user.id=ann, auth_token=S3CRET,card=4111-1111-1111-1111;x=y\r\n"
                             "Baggage: user.name=toolongforit,other=HIDDEN, env=dev\r\n");
  CHECK(passed.baggage == "user.id=ann,card=****;x=y,env=prod,api=v1");
  CHECK(pass(scene, "/v2/x", "baggage: user.id=ann\r\n").baggage == "user.id=ann,env=prod");
  CHECK(pass(scene, "/v3/x", "").baggage == "env=prod");

  const auto counts = scene.kernel().policy().counts();
  REQUIRE(!counts.empty());
  CHECK(counts[0].generation == 1);
  const policy_counters& top = counts[0].sets.at(0);
  CHECK(top.texts == 3);
  CHECK(top.actions[POLICY_DENIED] == 1);
  CHECK(top.actions[POLICY_NO_RULE] == 1);
  CHECK(top.actions[POLICY_TOO_LONG] == 1);
  CHECK(top.actions[POLICY_REDACTED] == 1);
  CHECK(top.actions[POLICY_OVERWRITTEN] == 1);
  CHECK(top.by[POLICY_BY_KEPT][1] == 2);
  CHECK(top.injected[0] == 3);
  CHECK(top.injected[1] == 1);
}

TEST_CASE("policy: what is denied or redacted is in no event, what passes is") {
  Scene scene;
  RuleSet rules = denying("auth_token");
  rules.top.redact.push_back({{}, text("41{3}"), text("#")});
  publish(scene, rules);
  scene.trace();
  const Passed passed =
      pass(scene, "/one", "baggage: a=1, auth_token=S3CRET\r\nX-Other: stays\r\nbaggage:b=x4111x\r\n");
  CHECK(passed.request.head.find("S3CRET") == std::string::npos);
  CHECK(passed.request.head.find("4111") == std::string::npos);
  CHECK(passed.request.head.find("auth_token") == std::string::npos);
  CHECK(passed.request.head.find("X-Other: stays\r\n") != std::string::npos);
  CHECK(passed.request.baggage == "a=1,b=x#x");
  CHECK(passed.baggage == "a=1,b=x#x");

  // More lines than are held: what lies behind the last of them is not sent up.
  std::string lines;
  for (int i = 0; i < 9; i++) lines += fmt::format("baggage: auth_token=S3CRET{}\r\n", i);
  const Passed many = pass(scene, "/many", lines + "X-Other: S3CRET\r\n");
  CHECK(many.request.head.find("S3CRET") == std::string::npos);
  CHECK(many.baggage == "-");

  // The application's own header, on its way out.
  scene.called("a", get("/own", "baggage: a=1,auth_token=S3CRET\r\n"));
  CHECK(scene.request("/own").head.find("S3CRET") == std::string::npos);
  lines.clear();
  for (int i = 0; i < 264; i++) lines += "baggage:a=S3\r\n";
  scene.called("a", get("/many_own", lines));
  CHECK(scene.request("/many_own").head.find("S3") == std::string::npos);
}

TEST_CASE("policy: of uberctx- lines nothing is in an event but what passes") {
  Scene scene;
  publish(scene, denying("auth_token"));
  scene.trace();
  std::string lines;
  for (int i = 0; i < 40; i++) lines += fmt::format("uberctx-k{}: S3CRET\r\n", i);
  for (const std::string& more : {lines, "uberctx-" + std::string(64, 'k') + ": S3CRET\r\n",
                                  "uberctx-auth_token: S3CRET\r\n" + lines + "baggage: auth_token=S3CRET\r\n"}) {
    static int n = 0;
    const std::string in = fmt::format("/in{}", n), out = fmt::format("/out{}", n++);
    scene.take("a", get(in, "X-Before: 1\r\n" + more + "X-After: S3CRET\r\n"));
    CHECK(scene.request(in).head.find("X-Before: 1\r\n") != std::string::npos);
    CHECK(scene.request(in).head.find("S3CRET") == std::string::npos);
    scene.called("b", get(out, "X-Before: 1\r\n" + more + "X-After: S3CRET\r\n"));
    CHECK(scene.request(out).head.find("S3CRET") == std::string::npos);
  }
}

TEST_CASE("policy: uberctx- lines of a program's own lose the values that the policy does not let pass") {
  Scene scene;
  RuleSet rules = denying("auth_token");
  rules.top.redact.push_back({{}, text(R"(\d{4})"), text("****")});
  rules.inject.push_back(injecting("env", "prod"));
  publish(scene, rules);
  scene.trace();
  const auto arrived = [&](const std::string& lines) {
    const std::string head = scene.called("a", get("/x", lines));
    return header(head, "uberctx-user").at(0) + "|" + header(head, "uberctx-auth_token").at(0) + "|" +
           header(head, "uberctx-card").at(0);
  };
  const std::string lines = "uberctx-User: ann\r\nUberctx-auth_token: S3CRET\r\nuberctx-card:4111\r\n";
  CHECK(arrived(lines) == "ann||");
  CHECK(arrived(lines + "baggage: auth_token=S3CRET,a=1\r\n") == "ann||");
  CHECK(arrived("b3: 0\r\n" + lines) == "ann||");
  // Nothing else changes, not even the length.
  const std::string kept = "X-A: b\r\nuberctx-user: ann\r\nX-B: S3CRET\r\n";
  const std::string head =
      scene.called("a", get("/x", kContext + kept + "uberctx-auth_token: S3CRET\r\nX-C: S3CRET\r\n"));
  CHECK(head.find(kContext + kept + "uberctx-auth_token:       \r\nX-C: S3CRET\r\n\r\n") != std::string::npos);
  CHECK(scene.kernel().counters().unenforced.empty());

  take_away_live_set();
  CHECK(arrived(lines) == "||");
}

TEST_CASE("policy: uberctx- lines pass without rules, however many; those that are not held count as unenforced") {
  Scene scene;
  scene.trace();
  std::string lines;
  for (int i = 0; i < 40; i++) lines += fmt::format("uberctx-k{}: 100%\r\n", i);
  CHECK(scene.called("a", get("/x", kContext + lines)).find(lines) != std::string::npos);
  const std::map<std::string, std::uint64_t> once{{"too_large", 1}};
  CHECK(scene.kernel().counters().unenforced == once);

  // Of which connection, also when it is closed.
  scene.called("a", get("/y", kContext + "uberctx-" + std::string(64, 'k') + ": 1\r\n"));
  const auto connections = scene.kernel().policy().unenforced();
  REQUIRE(connections.size() == 2);
  for (const UnenforcedConnection& one : connections) {
    CHECK(one.pid == static_cast<std::uint32_t>(scene.pid()));
    CHECK(one.protocol == "http");
    CHECK(one.peer == fmt::format("127.0.0.1:{}", scene.sink()));
    CHECK(one.local.starts_with("127.0.0.1:"));
    CHECK(one.reasons == once);
  }
  CHECK(connections[0].last_ns > connections[1].last_ns);
  CHECK(connections[0].connection_id == scene.request("/y").event.connection_id);
}

TEST_CASE("policy: other headers of a long head are not taken for its baggage") {
  Scene scene;
  scene.trace();
  for (const std::size_t at : {12000u, 12300u, 12800u, 13200u}) {
    std::string lines;
    while (lines.size() + 100 < at) lines += "X-Filler: " + std::string(80, 'x') + "\r\n";
    lines += "X-Filler: " + std::string(at - lines.size() - 12, 'x') + "\r\n";
    lines += "baggage: a=" + std::string(150, '1') + "\r\n";
    while (lines.size() < 30000) lines += "Cookie: b=S3CRET,c=S3CRET\r\n";
    const std::string target = fmt::format("/{}", at);
    const Passed passed = pass(scene, target, lines);
    CHECK(passed.baggage.find("S3CRET") == std::string::npos);
    CHECK(passed.request.baggage.find("S3CRET") == std::string::npos);
  }
}

TEST_CASE("policy: scopes choose by service, and by a percentage of the traces") {
  Scene scene;
  RuleSet rules = denying("top");
  PolicyScope part;
  part.when.service = text("pay-*");
  part.when.percent = 25;
  part.rules.deny.push_back(text("part"));
  PolicyScope whole;
  whole.when.environment = text("prod");
  whole.rules.deny.push_back(text("whole"));
  rules.scopes = {part, whole};
  publish(scene, rules);
  const std::string all = "baggage: top=1,part=1,whole=1\r\n";
  const auto trace_of = [](std::string_view random) {
    return fmt::format("traceparent: 00-0af7651916cd43dd84{}-b7ad6b7169203331-01\r\n", random);
  };
  const std::string low = trace_of("3fffffffffffff"), high = trace_of("40000000000000");

  scene.trace({.identity = {.service = "orders"}});
  CHECK(pass(scene, "/1", all, low).baggage == "part=1,whole=1");
  scene.trace({.identity = {.service = "pay-eu"}});
  CHECK(pass(scene, "/2", all, low).baggage == "top=1,whole=1");
  CHECK(pass(scene, "/3", all, high).baggage == "part=1,whole=1");
  scene.trace({.identity = {.service = "pay-eu", .environment = "prod"}});
  CHECK(pass(scene, "/4", all, low).baggage == "top=1,whole=1");
  CHECK(pass(scene, "/5", all, high).baggage == "top=1,part=1");
  const auto counts = scene.kernel().policy().counts();
  CHECK(counts.at(0).sets.at(0).texts == 2);
  CHECK(counts.at(0).sets.at(1).texts == 2);
  CHECK(counts.at(0).sets.at(2).texts == 1);
}

TEST_CASE("policy: baggage of a program's own is judged by the trace that its message says") {
  Scene scene;
  RuleSet rules = denying("top");
  PolicyScope part;
  part.when.percent = 25;
  part.rules.deny.push_back(text("part"));
  rules.scopes = {part};
  publish(scene, rules);
  const auto sent = [&](const std::string& context) {
    static int n = 0;
    return header(scene.called("a", get(fmt::format("/{}", n++), context + "baggage: part=1,top=1\r\n")), "baggage");
  };
  const std::string trace = "0af7651916cd43dd84", low = "3fffffffffffff", high = "40000000000000";
  for (const bool instrumented : {false, true}) {
    scene.trace({.instrumented = instrumented, .orphans_root = false});
    for (int i = 0; i < 3; i++) {
      for (const auto& [random, kept] : {std::pair{low, "top=1"}, std::pair{high, "part=1"}}) {
        CHECK(sent("traceparent: 00-" + trace + random + "-b7ad6b7169203331-01\r\n") == std::vector<std::string>{kept});
        CHECK(sent("b3: " + trace + random + "-b7ad6b7169203331-1\r\n") == std::vector<std::string>{kept});
      }
      CHECK(sent("") == std::vector<std::string>{"part=1"});  // of no trace
    }
  }
}

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
