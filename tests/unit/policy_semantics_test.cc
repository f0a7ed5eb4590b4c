// SPDX-License-Identifier: Apache-2.0
// One case for each sentence about what the policy means (docs/baggage-policy.md), in user space's build.
#include <doctest/doctest.h>

#include "policy/compile.h"
#include "support/policy_cases.h"
#include "wire/policy.h"
#include "wire/policy_gather.h"

namespace weft::test {
namespace {

PlacedText text(std::string value) { return {std::move(value), {}, false}; }

// A rule set in a few words.
struct Policy {
  RuleSet set;
  PolicyLimits limits;

  Policy& rule(std::string key, std::optional<std::uint32_t> max_length = {}, std::vector<std::string> values = {}) {
    if (!set.top.rules) set.top.rules.emplace();
    BaggageRule rule{.key = text(std::move(key)), .max_length = max_length};
    if (!values.empty()) rule.allowed_values.emplace();
    for (auto& value : values) rule.allowed_values->push_back(text(value));
    set.top.rules->push_back(std::move(rule));
    return *this;
  }
  Policy& deny(std::string key) {
    set.top.deny.push_back(text(std::move(key)));
    return *this;
  }
  Policy& redact(std::string pattern, std::string replace = "*") {
    set.top.redact.push_back({{}, text(std::move(pattern)), text(std::move(replace))});
    return *this;
  }
  Policy& inject(std::string key, std::string value, bool overwrite = true, std::string path = {}) {
    Injection injection{.overwrite = overwrite};
    injection.when.path_prefix = text(std::move(path));
    injection.set.push_back({text(std::move(key)), text(std::move(value))});
    set.inject.push_back(std::move(injection));
    return *this;
  }
};

PolicyOutcome judge(const Policy& policy, PolicyInput input) {
  const auto compiled = compile(policy.set, policy.limits);
  REQUIRE(compiled.has_value());
  PolicyJudge judge;
  return judge.judge(*compiled->sets.front(), input);
}
std::string passed(const Policy& policy, std::string baggage, std::uint32_t injectable = 0xffff) {
  return judge(policy, {.text = std::move(baggage), .injectable = injectable}).text;
}
std::uint32_t counted(const Policy& policy, std::string baggage, policy_action action) {
  return judge(policy, {.text = std::move(baggage), .injectable = 0xffff}).counts[action];
}
std::string member(std::size_t bytes, std::string key = "k") {
  return key + "=" + std::string(bytes - key.size() - 1, 'v');
}

}  // namespace

TEST_CASE("policy: without rules every key passes, with an empty list none does") {
  CHECK(passed({}, "a=1,B.c=2") == "a=1,B.c=2");
  Policy none;
  none.set.top.rules.emplace();
  CHECK(passed(none, "a=1,B.c=2") == "");
  CHECK(counted(none, "a=1,B.c=2", POLICY_NO_RULE) == 2);
}

TEST_CASE("policy: keys are exact or globs, upper and lower case differ") {
  const Policy policy = Policy().rule("user.*").rule("org.**").rule("tier?").rule("env");
  CHECK(passed(policy, "user.id=1,user.=2,user.a.b=3,user=4,User.id=5") == "user.id=1,user.=2");
  CHECK(passed(policy, "org.a=1,org.a.b.c=2,org=3") == "org.a=1,org.a.b.c=2");
  CHECK(passed(policy, "tier1=1,tier.=2,tier=3,tier12=4") == "tier1=1");
  CHECK(passed(policy, "env=1,envx=2,en=3,Env=4") == "env=1");
}

TEST_CASE("policy: the first matching rule wins") {
  CHECK(passed(Policy().rule("a.*", 1).rule("a.b", 9), "a.b=12") == "");
  CHECK(passed(Policy().rule("a.b", 9).rule("a.*", 1), "a.b=12,a.c=12") == "a.b=12");
}

TEST_CASE("policy: rules see keys as they are, denied keys also percent-decoded and in any case") {
  CHECK(passed(Policy().rule("env"), "%65nv=1,env=2") == "env=2");
  CHECK(passed(Policy().rule("%65nv"), "%65nv=1") == "%65nv=1");
  const Policy policy = Policy().deny("auth_token").deny("x-*").deny("%41b");
  CHECK(passed(policy, "auth_token=1,AUTH_Token=2,%61uth%5Ftoken=3,x-1=4,X-=5,x-a.b=6,b=7") == "x-a.b=6,b=7");
  CHECK(passed(policy, "%41b=1,%41B=2,Ab=3") == "Ab=3");
  CHECK(counted(policy, "%41b=1,auth_token=1", POLICY_DENIED) == 2);
}

TEST_CASE("policy: deny comes before the rules") {
  CHECK(passed(Policy().rule("**").deny("phone"), "phone=1,PHONE=1,a=1") == "a=1");
}

TEST_CASE("policy: max_length counts decoded bytes, a longer value is dropped whole") {
  const Policy policy = Policy().rule("a", 3);
  CHECK(passed(policy, "a=123,a=1234,a=%31%32%33,a=%31%32%33%34,a=") == "a=123,a=%31%32%33,a=");
  CHECK(counted(policy, "a=1234", POLICY_TOO_LONG) == 1);
}

TEST_CASE("policy: allowed values are compared decoded") {
  const Policy policy = Policy().rule("env", {}, {"prod", "a,b", ""});
  CHECK(passed(policy, "env=prod,env=pro%64,env=a%2Cb,env=,env=Prod,env=prod2") ==
        "env=prod,env=pro%64,env=a%2Cb,env=");
  CHECK(counted(policy, "env=dev", POLICY_NOT_ALLOWED) == 1);
}

TEST_CASE("policy: %2C %3B %3D in values are data") {
  CHECK(passed(Policy().rule("a", 3), "a=%2C%3b%3D,b=1") == "a=%2C%3b%3D");
}

TEST_CASE("policy: a bad percent sign, an empty property, a control byte drop the member") {
  for (const char* bad : {"a=%", "a=%4", "a=%zz", "a=1;p=%0", "a=1;%g1", "%4=1", "a=b;", "a=b;;c", "a=b; ;c", "a=b;=c",
                          "a=\x01", "\x7f=1", "a=1;p\x1f", "a=1;p=\x02", "a", "a;b=c", "=1", " =1"}) {
    CAPTURE(bad);
    CHECK(passed({}, std::string("x=1,") + bad + ",y=2") == "x=1,y=2");
    CHECK(counted({}, bad, POLICY_MALFORMED) == 1);
  }
}

TEST_CASE("policy: empty members vanish and are counted, duplicates stay in order") {
  CHECK(passed({}, ",,a=1,, ,\t,a=2,a=1,") == "a=1,a=2,a=1");
  CHECK(counted({}, ",,a=1,, ,\t,a=2,", POLICY_EMPTY) == 6);
  CHECK(counted({}, ",,a=1,, ,\t,a=2,", POLICY_MALFORMED) == 0);
}

TEST_CASE("policy: spaces around members go, inside a member they stay; other bytes too") {
  CHECK(passed({}, " a=1 ,\tb = 2 ; p = q\t, c=x y ") == "a=1,b = 2 ; p = q,c=x y");
  const std::string odd = "a=x;p;q=\"r\";s=t=u==,B=\xc3\xa4\xff,k.1/[x]=,k k=1";
  CHECK(passed({}, odd) == odd);
  CHECK(passed(Policy().rule("k k").rule("a", 3), "k k =1,k=2,a=x y,a=x yz") == "k k =1,a=x y");
}

TEST_CASE("policy: redaction of values, property keys and property values, never of member keys") {
  const Policy policy = Policy().redact(R"(\d{4}-\d{4}-\d{4}-\d{4})", "****-****-****-****");
  CHECK(passed(policy, "card=4111-1111-1111-1111") == "card=****-****-****-****");
  CHECK(passed(policy, "4111-1111-1111-1111=x") == "4111-1111-1111-1111=x");
  CHECK(passed(policy, "a=x;4111-1111-1111-1111;p= y4111-1111-1111-1111z") ==
        "a=x;****-****-****-****;p= y****-****-****-****z");
  CHECK(passed(policy, "a=%34111-1111%2D1111-1111%21") == "a=****-****-****-****%21");
  CHECK(counted(policy, "a=4111-1111-1111-1111,b=1", POLICY_REDACTED) == 1);
}

TEST_CASE("policy: redaction is leftmost, longest, the first expression on a tie, in one pass") {
  CHECK(passed(Policy().redact("ab", "1").redact("abc", "2"), "k=xabcab") == "k=x21");
  CHECK(passed(Policy().redact("ab", "1").redact("[a]b", "2"), "k=ab") == "k=1");
  CHECK(passed(Policy().redact("a", "aa"), "k=aba") == "k=aabaa");
  CHECK(passed(Policy().redact("^a", "1").redact("b$", "2"), "k=abab;p=ab") == "k=1ba2;p=12");
  CHECK(passed(Policy().redact("(?i)bearer \\w+", "*"), "k=Bearer abc,l=BEARER%20x1") == "k=*,l=*");
}

TEST_CASE("policy: bytes outside a match go out as they came, replacements are encoded") {
  CHECK(passed(Policy().redact("x", "a, \xc3\xa4%"), "k=%2f%2Fx%2f") == "k=%2f%2Fa%2C%20%C3%A4%25%2f");
}

TEST_CASE("policy: lengths and allowed values are those of the value before redaction") {
  CHECK(passed(Policy().rule("a", 5).redact("\\d+", "#"), "a=12345,a=123456") == "a=#");
  CHECK(passed(Policy().rule("a", {}, {"1"}).redact("1", "2"), "a=1,a=2") == "a=2");
}

TEST_CASE("policy: injection, over what came in or not") {
  const Policy over = Policy().inject("env", "prod").inject("who", "a b");
  CHECK(passed(over, "a=1,env=dev") == "a=1,env=prod,who=a%20b");
  CHECK(counted(over, "env=dev,env=x", POLICY_OVERWRITTEN) == 2);
  CHECK(passed(over, "a=1,env=dev", 2) == "a=1,env=dev,who=a%20b");
  CHECK(passed(over, "") == "env=prod,who=a%20b");
  const Policy keep = Policy().inject("env", "prod", false);
  CHECK(passed(keep, "a=1,env=dev") == "a=1,env=dev");
  CHECK(passed(keep, "a=1") == "a=1,env=prod");
  CHECK(passed(Policy().inject("a", "1").inject("a", "2"), "") == "a=1");
  CHECK(passed(Policy().inject("a", "1").inject("a", "2"), "", 2) == "a=2");
}

TEST_CASE("policy: keys that inject sets are allowed without a rule") {
  CHECK(passed(Policy().rule("x").inject("env", "prod", false), "env=dev,y=1") == "env=dev");
  CHECK(passed(Policy().rule("x").inject("env", "prod"), "env=dev,y=1", 0) == "env=dev");
}

TEST_CASE("policy: limits drop whole members, shorter later ones may still fit") {
  std::string all, most;
  for (int i = 0; i < 70; i++) {
    all += (i ? ",k" : "k") + std::to_string(i) + "=v";
    if (i == 63) most = all;
  }
  CHECK(passed({}, all) == most);
  CHECK(counted({}, all, POLICY_OVER_MEMBERS) == 6);
  CHECK(passed({}, member(8192)) == member(8192));
  CHECK(passed({}, "  " + member(8192) + "   ") == member(8192));
  CHECK(passed({}, member(8193)) == "");
  CHECK(passed({}, member(8000) + "," + member(500) + ",s=1") == member(8000) + ",s=1");
  CHECK(counted({}, member(8000) + "," + member(500) + ",s=1", POLICY_OVER_BYTES) == 1);
}

TEST_CASE("policy: room for injected members is reserved first") {
  Policy policy = Policy().inject("env", "prod");
  CHECK(passed(policy, member(8183)) == member(8183) + ",env=prod");
  CHECK(passed(policy, member(8184)) == "env=prod");
  policy.limits.max_members = 2;
  CHECK(passed(policy, "a=1,b=2") == "a=1,env=prod");
  policy.limits.max_bytes = 7;
  CHECK(passed(policy, "a=1") == "a=1");
  CHECK(counted(policy, "a=1", POLICY_NOT_INJECTED) == 1);
  Policy keep = Policy().inject("env", "prod", false);
  keep.limits.max_members = 1;
  CHECK(passed(keep, "a=1,env=dev") == "env=dev");
}

TEST_CASE("policy: required keys that do not come are counted, the text passes") {
  Policy policy = Policy().rule("a", 1).rule("b.*").rule("c");
  for (auto& rule : *policy.set.top.rules) rule.required = true;
  CHECK(passed(policy, "b.x=1") == "b.x=1");
  CHECK(counted(policy, "b.x=1", POLICY_MISSING) == 2);
  CHECK(counted(policy, "a=1,b.x=1,c=1", POLICY_MISSING) == 0);
  CHECK(counted(policy, "a=12,b.x=1,c=1", POLICY_MISSING) == 1);
}

TEST_CASE("policy: carriers that lose the case of keys match in lower case") {
  const Policy policy = Policy().rule("userId").inject("Env", "p", false);
  const PolicyInput input{.text = "userId=1,userid=2,Env=3,env=4", .injectable = 0};
  CHECK(judge(policy, input).text == "userId=1,Env=3");
  PolicyInput folded = input;
  folded.folded_from = 0;
  CHECK(judge(policy, folded).text == "userid=2,env=4");
  folded.folded_from = 9;
  CHECK(judge(policy, folded).text == "userId=1,userid=2,env=4");
}

TEST_CASE("policy: a member whose end was not seen is dropped") {
  CHECK(judge({}, {.text = "a=1,b=2", .cut = true}).text == "a=1");
  CHECK(judge({}, {.text = "a=1,b=2,", .cut = true}).text == "a=1,b=2");
}

TEST_CASE("policy: what was not judged when the budget is spent is dropped") {
  Policy policy = Policy().redact("a[^z]*z");
  const std::string near = "k=" + std::string(4000, 'a') + "%7A";
  CHECK(passed(policy, near + ",b=1") == "k=*,b=1");
  const auto compiled = compile(policy.set);
  REQUIRE(compiled.has_value());
  auto set = std::make_unique<policy_set>(*compiled->sets.front());
  set->budget = 1000;
  PolicyJudge judge;
  const PolicyOutcome outcome = judge.judge(*set, {.text = near + ",b=1"});
  CHECK(outcome.text == "b=1");
  CHECK(outcome.counts[POLICY_UNJUDGED] == 1);
}

TEST_CASE("policy: header lines are joined in order, those that could not be held are counted") {
  Random random(5);
  GuardedText lines(random);
  const auto gathered = [&](const std::vector<std::string>& all) {
    lines.place(all);
    auto run = std::make_unique<policy_run>();
    auto counters = std::make_unique<policy_counters>();
    policy_gather(run.get(), lines.text(), &lines.lines());
    policy_judge(run.get(), compile({})->sets.front().get(), counters.get());
    return outcome_of(*run);
  };
  CHECK(gathered({"a=1,b=2", "c=3"}).text == "a=1,b=2,c=3");
  CHECK(gathered({"", "a=1", " ", "b=2", ""}).text == "a=1,b=2");
  CHECK(gathered({}).text == "");
  CHECK(gathered({member(4000), member(4191)}).text == member(4000) + "," + member(4191));
  const std::string drop(3000, 'x');
  CHECK(gathered({drop, drop, drop, "a=1"}).text == "a=1");
  CHECK(gathered({std::string(12000, 'x') + ",b=2", "a=1"}).text == "b=2,a=1");
  const PolicyOutcome outcome = gathered(std::vector<std::string>(10, "a=1"));
  CHECK(outcome.text == "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1");
  CHECK(outcome.counts[POLICY_LOST_LINE] == 2);
}

TEST_CASE("policy: counters say which rule, which denied key, which expression, which injected member") {
  const Policy policy = Policy().rule("a", 2).rule("b", {}, {"1"}).deny("x").deny("y").redact("q").inject("i", "1");
  const auto compiled = compile(policy.set);
  REQUIRE(compiled.has_value());
  PolicyJudge judge;
  judge.judge(*compiled->sets.front(), {.text = "a=1,a=123,b=1,b=2,y=1,a=q,z=1", .injectable = 1});
  const policy_counters& counters = judge.counters();
  CHECK(counters.texts == 1);
  CHECK(counters.by[POLICY_BY_KEPT][1] == 2);
  CHECK(counters.by[POLICY_BY_KEPT][2] == 1);
  CHECK(counters.by[POLICY_BY_TOO_LONG][1] == 1);
  CHECK(counters.by[POLICY_BY_NOT_ALLOWED][2] == 1);
  CHECK(counters.by[POLICY_BY_DENIED][2] == 1);
  CHECK(counters.redacted[0] == 1);
  CHECK(counters.injected[0] == 1);
  CHECK(counters.actions[POLICY_NO_RULE] == 1);
  CHECK(counters.actions[POLICY_KEPT] == 2);
  CHECK(POLICY_FATE_RULE(judge.run().fates[4]) == 2);
  CHECK(POLICY_FATE_PATTERN(judge.run().fates[5]) == 1);
}

}  // namespace weft::test
