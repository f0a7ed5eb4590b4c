// SPDX-License-Identifier: Apache-2.0
// The baggage policy where it runs: a traced program is asked with baggage, calls on, and what arrives is looked at.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "policy_scene.h"

namespace weft::test {

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

TEST_CASE(
    "policy: nothing is added to a program's own baggage where baggage may not go, what is denied goes there neither") {
  for (const bool allowed : {true, false}) {
    KernelOptions options;
    options.propagation.destinations = {{.address = {}, .baggage = allowed}};
    Scene scene(options);
    RuleSet rules = denying("auth_token");
    rules.inject.push_back(injecting("env", "prod"));
    rules.inject.push_back(injecting("api", "v1", "/v1/"));
    publish(scene, rules);
    scene.trace();
    CAPTURE(allowed);
    const auto forwarded = [&](const std::string& text) {
      const Scene::Taken taken = scene.take("a", get("/v1/x", kContext + text));
      const auto values = header(scene.called("a", get("/out", kContext + text)), "baggage");
      scene.tell("a", fmt::format("close {}", taken.fd));
      REQUIRE(values.size() == 1);
      return values[0];
    };
    CHECK(forwarded("baggage: b=1\r\n") == (allowed ? "b=1,env=prod,api=v1" : "b=1"));
    CHECK(forwarded("baggage: b=1,auth_token=S3CRET\r\n") == (allowed ? "b=1,env=prod,api=v1" : "b=1"));
    CHECK(forwarded("baggage: b=2,auth_token=S3CRET\r\n") == (allowed ? "b=2,env=prod,api=v1" : "b=2"));
  }
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
  CHECK(scene.counters().unenforced.empty());

  take_away_live_set();
  CHECK(arrived(lines) == "||");
}

TEST_CASE("policy: uberctx- lines pass without rules, however many; those that are not held count as unenforced") {
  Scene scene;
  scene.trace();
  std::string lines;
  for (int i = 0; i < 40; i++) lines += fmt::format("uberctx-k{}: 100%\r\n", i);
  CHECK(scene.called("a", get("/x", kContext + lines)).find(lines) != std::string::npos);
  const KernelCounters::ByProtocol once{{{"http", "too_large"}, 1}};
  CHECK(scene.counters().unenforced == once);

  // Of which connection, also when it is closed.
  scene.called("a", get("/y", kContext + "uberctx-" + std::string(64, 'k') + ": 1\r\n"));
  auto connections = scene.kernel().policy().unenforced();
  std::erase_if(connections, [&](const auto& one) { return one.pid != static_cast<std::uint32_t>(scene.pid()); });
  REQUIRE(connections.size() == 2);
  for (const UnenforcedConnection& one : connections) {
    CHECK(one.protocol == "http");
    CHECK(one.peer == fmt::format("127.0.0.1:{}", scene.sink()));
    CHECK(one.local.starts_with("127.0.0.1:"));
    CHECK(one.reasons == std::map<std::string, std::uint64_t>{{"too_large", 1}});
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

}  // namespace weft::test
