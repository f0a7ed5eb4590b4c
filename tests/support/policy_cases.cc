// SPDX-License-Identifier: Apache-2.0
#include "support/policy_cases.h"

#include <algorithm>
#include <cstring>

#include "wire/policy.h"

namespace weft::test {
namespace {

std::size_t below(Random& random, std::size_t n) { return random() % n; }
bool one_in(Random& random, std::size_t n) { return below(random, n) == 0; }
std::string pick(Random& random, const std::vector<std::string>& from) { return from[below(random, from.size())]; }
PlacedText placed(std::string text) { return {std::move(text), {}, false}; }

std::string letters(Random& random, std::string_view alphabet, std::size_t least, std::size_t most) {
  std::string text;
  for (std::size_t n = least + below(random, most - least + 1); n > 0; --n)
    text += alphabet[below(random, alphabet.size())];
  return text;
}

std::string random_glob(Random& random) {
  std::string glob;
  for (std::size_t parts = 1 + below(random, 3); parts > 0; --parts) {
    if (!glob.empty()) glob += '.';
    const std::string part = letters(random, "ab", 1, 2);
    glob += pick(random, {part, part, "*", "**", part + "*", "?", "*" + part, "**" + part, "A" + part, "%41", "?%*"});
  }
  return glob;
}

std::string random_expression(Random& random, unsigned depth = 0) {
  static const std::vector<std::string> atoms = {R"(\d)", R"(\d)", "a",     "b", "[ab]", "[^a]",   R"(\w)", "x",
                                                 "-",     ".",     R"(\s)", "=", "%",    "[1-3x]", R"(\W)", "A"};
  std::string text;
  for (std::size_t n = 1 + below(random, 3); n > 0; --n) {
    const std::string atom = depth > 1 || !one_in(random, 5) ? pick(random, atoms)
                                                             : "(?:" + random_expression(random, depth + 1) + "|" +
                                                                   random_expression(random, depth + 1) + ")";
    text += atom + pick(random, {"", "", "", "?", "+", "*", "{2}", "{1,3}", "{2,}"});
  }
  if (depth > 0) return text;
  return (one_in(random, 12) ? "(?i)" : "") + std::string(one_in(random, 10) ? "^" : "") + text +
         (one_in(random, 10) ? "$" : "");
}

std::string word(Random& random, std::string_view alphabet, std::size_t least, std::size_t most, std::size_t escaped) {
  static constexpr char lower_digits[] = "0123456789abcdef", upper_digits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : letters(random, alphabet, least, most)) {
    const auto byte = static_cast<unsigned char>(c);
    const char* digits = one_in(random, 2) ? lower_digits : upper_digits;
    if (one_in(random, escaped))
      text += {'%', digits[byte >> 4], digits[byte & 15]};
    else
      text += c;
  }
  return text;
}

std::string space(Random& random) { return pick(random, {"", "", "", "", "", " ", "\t", " \t "}); }

std::string random_value(Random& random) {
  std::string text = word(random, "ab12-x", 0, 9, 10);
  if (one_in(random, 6)) text += word(random, " ,;=%\"\\\xe9\n", 1, 2, 1) + word(random, "ab12", 0, 3, 10);
  if (one_in(random, 12)) text += " " + word(random, "ab12-=\"\xc3\xa4", 1, 4, 10);
  return text;
}

std::string random_member(Random& random) {
  if (one_in(random, 14)) return pick(random, {"", " ", "a", "=b", "a;b=c", "a=;", "a=1;;b", "a=1; ;b"});
  std::string key;
  for (std::size_t parts = 1 + below(random, 3); parts > 0; --parts)
    key += (key.empty() ? "" : ".") + word(random, "aabbAB", 1, 2, 10);
  if (one_in(random, 20)) key += " " + word(random, "ab%", 1, 2, 4);
  std::string text = key + space(random) + "=" + space(random) + random_value(random);
  for (std::size_t n = one_in(random, 3) ? 1 + below(random, 2) : 0; n > 0; --n) {
    text += space(random) + ";" + space(random) + word(random, "ab1", 1, 4, 8);
    if (one_in(random, 2)) text += space(random) + "=" + space(random) + random_value(random);
  }
  return text;
}

std::string random_policy_text(Random& random) {
  std::string text;
  for (std::size_t n = below(random, 8); n > 0; --n)
    text += space(random) + random_member(random) + space(random) + (n > 1 ? "," : "");
  static const std::string odd(
      ",;= %\"\\\x00\x7f\xff"
      "41a\t",
      15);
  if (one_in(random, 4) && !text.empty())
    for (std::size_t n = 1 + below(random, 3); n > 0; --n)
      text[below(random, text.size())] = odd[below(random, odd.size())];
  return text;
}

}  // namespace

PolicyCase random_policy(Random& random) {
  PolicyCase all;
  PolicyRules& top = all.rules.top;
  if (!one_in(random, 4)) {
    top.rules.emplace();
    for (std::size_t n = below(random, 7); n > 0; --n) {
      BaggageRule rule;
      rule.key = placed(random_glob(random));
      if (one_in(random, 3)) rule.max_length = static_cast<std::uint32_t>(below(random, 9));
      rule.required = one_in(random, 4);
      if (one_in(random, 3)) {
        rule.allowed_values.emplace();
        for (std::size_t k = 1 + below(random, 3); k > 0; --k)
          rule.allowed_values->push_back(placed(letters(random, "ab1-,", 0, 3)));
      }
      top.rules->push_back(std::move(rule));
    }
    if (one_in(random, 2)) top.rules->push_back({.key = placed("**")});
  }
  for (std::size_t n = below(random, 3); n > 0; --n) top.deny.push_back(placed(random_glob(random)));
  for (std::size_t n = below(random, 4); n > 0; --n)
    top.redact.push_back(
        {{}, placed(random_expression(random)), placed(pick(random, {"", "*", "****", "a b", "1", "12,;=%"}))});
  for (std::size_t n = below(random, 4); n > 0; --n) {
    Injection injection;
    injection.overwrite = one_in(random, 2);
    injection.set.push_back(
        {placed(pick(random, {"a", "aa", "b", "a.b", "AB"})), placed(pick(random, {"1", "x y", ""}))});
    all.rules.inject.push_back(std::move(injection));
  }
  if (one_in(random, 3)) all.limits.max_members = 1 + static_cast<std::uint32_t>(below(random, 4));
  if (one_in(random, 3)) all.limits.max_bytes = 1 + static_cast<std::uint32_t>(below(random, 60));
  return all;
}

PolicyInput random_policy_input(Random& random, std::size_t injected) {
  PolicyInput input;
  input.text = random_policy_text(random);
  if (one_in(random, 60)) {
    const std::size_t most = pick(random, {"3000", "9000", "16383"}) == "3000" ? 3000
                             : one_in(random, 2)                               ? 9000
                                                                               : 16383;
    while (input.text.size() < most) input.text += "," + random_policy_text(random);
    input.text.resize(most);
  }
  input.cut = one_in(random, 20);
  if (one_in(random, 5)) input.folded_from = below(random, input.text.size() + 1);
  input.injectable = one_in(random, 3) ? 0 : static_cast<std::uint32_t>(random()) & ((1u << injected) - 1);
  return input;
}

RuleSet realistic_policy(std::size_t rules, std::size_t redactions) {
  static const std::vector<std::string> first = {
      "user",    "order",      "cart",     "payment", "session", "tenant",  "region",   "device", "client",  "request",
      "feature", "experiment", "campaign", "shop",    "account", "invoice", "shipping", "stock",  "catalog", "search"};
  static const std::vector<std::string> second = {
      "id",   "name", "type",    "tier",  "level",  "group",    "version",  "source", "channel", "status",
      "kind", "zone", "cluster", "owner", "locale", "currency", "priority", "stage",  "flag",    "bucket"};
  static const std::vector<std::string> expressions = {
      R"(\d{4}-\d{4}-\d{4}-\d{4})",
      R"(\d{3}-\d{2}-\d{4})",
      R"([\w.]+@[\w.]+\.[a-z]{2,6})",
      R"((?i)bearer [\w.-]{8,})",
      R"(AKIA[0-9A-Z]{16})",
      R"(\+?\d{1,3}-\d{3}-\d{3}-\d{4})",
      R"(eyJ[\w-]+\.[\w-]+\.[\w-]+)",
      R"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})",
      R"([A-Z]{2}\d{2}[A-Z0-9]{11,30})",
      R"(gh[pousr]_[A-Za-z0-9]{36})",
      R"(sk_live_[A-Za-z0-9]{24})",
      R"(^\d{13,19}$)",
      R"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",
      R"(xox[bp]-[\w-]{10,})",
      R"(password=\S+)",
      R"(AIza[\w-]{35})"};
  RuleSet set;
  set.top.rules.emplace();
  for (std::size_t n = 0; n < rules; ++n) {
    BaggageRule rule;
    const std::string &a = first[n % 20], &b = second[(n / 20 + 3 * n) % 20];
    rule.key = placed(n % 2 ? a + "_" + b + std::to_string(n / 20) : a + "." + b + std::to_string(n / 20));
    if (n % 5 == 4) rule.key = placed(rule.key.text + (n % 2 ? ".*" : ".**"));
    if (n % 3 == 0) rule.max_length = 64;
    if (n % 7 == 6)
      rule.allowed_values = std::vector{placed("prod"), placed("staging"), placed("eu-west-1"), placed("canary")};
    set.top.rules->push_back(std::move(rule));
  }
  for (const char* key : {"auth_token", "id_card", "phone", "*password*", "**secret**", "x-internal-*"})
    set.top.deny.push_back(placed(key));
  for (std::size_t n = 0; n < redactions; ++n) {
    static const std::vector<std::string> words = {"acct", "cust", "pat", "ssn", "tax", "iban", "emp", "badge",
                                                   "visa", "pin",  "otp", "lic", "veh", "mrn",  "dea", "npi"};
    static const std::vector<std::string> shapes = {R"(\d{6,10})", R"([A-Z]\d{5})", "[0-9a-f]{8}"};
    const std::size_t more = n - std::min(n, expressions.size());
    set.top.redact.push_back(
        {{},
         placed(n < expressions.size() ? expressions[n] : words[more / 3 % 16] + "[-_]?" + shapes[more % 3]),
         placed("****")});
  }
  return set;
}

std::string realistic_baggage(std::size_t members, std::size_t bytes, std::size_t redacted) {
  const RuleSet set = realistic_policy(10, 0);
  std::vector<std::string> keys;
  for (const BaggageRule& rule : *set.top.rules)
    if (!rule.allowed_values && rule.key.text.find('*') == std::string::npos) keys.push_back(rule.key.text);
  Random random(3);
  std::string text;
  for (std::size_t n = 0; n < members; ++n) {
    const std::string& key = keys[n % keys.size()];
    const std::size_t room = bytes / members - key.size() - 2;
    std::string value = letters(random, "abcdefghijklmnopqrstuvwxyz-._ABCDEF", room, room);
    if (n % 3 == 0 && room > 12) value.replace(4, 3, "%20");
    if (n < redacted && room > 19) value.replace(0, 19, "4111-1111-1111-1111");
    text += (text.empty() ? "" : ",") + key + "=" + value;
  }
  return text;
}

void give(policy_run& run, const PolicyInput& input) {
  run.length = static_cast<__u32>(input.text.size());
  run.cut = input.cut;
  run.folded_from = input.folded_from > ~0u ? ~0u : static_cast<__u32>(input.folded_from);
  run.lost_lines = 0;
  run.injectable = input.injectable;
  std::memcpy(run.text, input.text.data(), input.text.size());
}

PolicyOutcome outcome_of(const policy_run& run) {
  PolicyOutcome outcome;
  outcome.text.assign(reinterpret_cast<const char*>(run.out), run.out_length);
  std::copy(std::begin(run.counts), std::end(run.counts), outcome.counts.begin());
  for (std::size_t n = 0; n < run.fate_count && n < POLICY_FATES; ++n)
    outcome.fates.push_back(static_cast<policy_action>(POLICY_FATE_ACTION(run.fates[n])));
  return outcome;
}

PolicyOutcome PolicyJudge::judge(const policy_set& set, const PolicyInput& input) {
  give(*run_, input);
  policy_judge(run_.get(), &set, counters_.get());
  return outcome_of(*run_);
}

}  // namespace weft::test
