// SPDX-License-Identifier: Apache-2.0
#include "support/policy_reference.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

namespace weft::test {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

bool is_hex(char c) { return c != 0 && std::strchr("0123456789abcdefABCDEF", c); }

// The bytes of a token as they came, one for each decoded byte. Nothing: a "%" without two digits, or a control byte.
std::optional<std::vector<std::string>> units(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t') || c == 0x7f) return std::nullopt;
    if (c != '%') {
      all.emplace_back(1, text[i]);
    } else if (i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      all.push_back(text.substr(i, 3));
      i += 2;
    } else {
      return std::nullopt;
    }
  }
  return all;
}

std::string decoded(const std::vector<std::string>& units) {
  std::string text;
  for (const std::string& unit : units)
    text += unit.size() == 1 ? unit[0] : static_cast<char>(std::stoi(unit.substr(1), nullptr, 16));
  return text;
}

std::string encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    char escape[4];
    std::snprintf(escape, sizeof escape, "%%%02X", byte);
    out += byte <= ' ' || byte > '~' || std::strchr("\"%,;\\", c) ? std::string(escape) : std::string(1, c);
  }
  return out;
}

}  // namespace

bool reference_glob(const std::string& glob, const std::string& key) {
  if (glob.empty()) return key.empty();
  if (glob[0] == '*') {
    const bool across = glob.size() > 1 && glob[1] == '*';
    const std::string rest = glob.substr(across ? 2 : 1);
    for (std::size_t i = 0; i <= key.size(); ++i) {
      if (reference_glob(rest, key.substr(i))) return true;
      if (i < key.size() && key[i] == '.' && !across) return false;
    }
    return false;
  }
  if (key.empty() || (glob[0] == '?' ? key[0] == '.' : glob[0] != key[0])) return false;
  return reference_glob(glob.substr(1), key.substr(1));
}

PolicyReference::PolicyReference(const PolicyRules& rules, const std::vector<Injection>& inject,
                                 std::size_t max_members, std::size_t max_bytes)
    : rules_(rules), max_members_(max_members), max_bytes_(max_bytes) {
  for (const Redaction& redaction : rules.redact) {
    std::string text = redaction.pattern.text;
    auto flags = std::regex::ECMAScript;
    if (text.starts_with("(?i)")) {
      text = text.substr(4);
      flags |= std::regex::icase;
    }
    patterns_.push_back({std::regex(text, flags), encoded(redaction.replace.text)});
  }
  for (const Injection& injection : inject)
    for (const InjectedMember& member : injection.set)
      injected_.push_back({member.key.text, member.key.text + "=" + encoded(member.value.text), injection.overwrite});
}

bool PolicyReference::redact(std::string& token) const {
  const std::vector<std::string> all = *units(token);
  const std::string text = decoded(all);
  const auto found = [&](const Pattern& p) { return std::regex_search(text, p.whole); };
  if (std::none_of(patterns_.begin(), patterns_.end(), found)) return false;
  std::string out;
  bool hit = false;
  for (std::size_t from = 0; from < text.size();) {
    const Pattern* best = nullptr;
    std::size_t to = text.size();
    for (; to > from && !best; --to) {
      auto flags = std::regex_constants::match_default;
      if (from > 0) flags |= std::regex_constants::match_not_bol;
      if (to < text.size()) flags |= std::regex_constants::match_not_eol;
      for (const Pattern& pattern : patterns_)
        if (!best && std::regex_match(text.begin() + static_cast<long>(from), text.begin() + static_cast<long>(to),
                                      pattern.whole, flags))
          best = &pattern;
      if (best) break;
    }
    if (best) {
      out += best->replace;
      from = to;
      hit = true;
    } else {
      out += all[from++];
    }
  }
  token = out;
  return hit;
}

struct PolicyReference::Run {
  std::vector<std::string> kept;
  std::set<std::string> own;           // keys of injected members that came by themselves
  std::vector<std::size_t> injecting;  // numbers of members to be injected
  bool last_is_cut = false, is_last = false;
};

// Left to right: the first thing that is wrong names the reason.
policy_action PolicyReference::member(const std::string& raw, bool folded, Run& run) const {
  const std::string text = trimmed(raw);
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || text.find(';') < equals) return POLICY_MALFORMED;
  const std::string key = trimmed(text.substr(0, equals));
  const auto key_units = units(key);
  if (key.empty() || !key_units) return POLICY_MALFORMED;
  for (const std::string& form : {lower(decoded(*key_units)), lower(key)})
    for (const DeniedKey& glob : rules_.deny)
      if (reference_glob(lower(glob.text), form)) return POLICY_DENIED;

  const BaggageRule* rule = nullptr;
  if (rules_.rules)
    for (const BaggageRule& r : *rules_.rules)
      if (!rule && reference_glob(folded ? lower(r.key.text) : r.key.text, key)) rule = &r;
  bool injected = false, overwritten = false;
  for (std::size_t n = 0; n < injected_.size(); ++n)
    if ((folded ? lower(injected_[n].key) : injected_[n].key) == key) {
      injected = true;
      if (std::find(run.injecting.begin(), run.injecting.end(), n) != run.injecting.end())
        overwritten |= injected_[n].overwrite;
    }
  if (rules_.rules && !rule && !injected) return POLICY_NO_RULE;
  if (overwritten) return POLICY_OVERWRITTEN;

  std::vector<std::string> parts = split(text, ';');
  std::string out;
  bool hit = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    const std::size_t at = part.find('=');
    if (i > 0 && (trimmed(part).empty() || (at != std::string::npos && trimmed(part.substr(0, at)).empty())))
      return POLICY_MALFORMED;
    std::vector<std::string> tokens{at == std::string::npos ? part : part.substr(0, at)};
    if (at != std::string::npos) tokens.push_back(part.substr(at + 1));
    if (i > 0) out += ';';
    for (std::size_t k = 0; k < tokens.size(); ++k) {
      std::string token = trimmed(tokens[k]);
      const std::size_t begin = token.empty() ? 0 : tokens[k].find(token);
      const auto token_units = units(token);
      if (k > 0) out += '=';
      if (!token_units) return POLICY_MALFORMED;
      if (i == 0 && k == 1 && rule) {
        if (rule->max_length && token_units->size() > *rule->max_length) return POLICY_TOO_LONG;
        if (rule->allowed_values && std::none_of(rule->allowed_values->begin(), rule->allowed_values->end(),
                                                 [&](const PlacedText& v) { return v.text == decoded(*token_units); }))
          return POLICY_NOT_ALLOWED;
      }
      const std::string before = tokens[k].substr(0, begin), after = tokens[k].substr(begin + token.size());
      if (i > 0 || k > 0) hit |= redact(token);
      out += before + token + after;
    }
  }
  if (run.is_last && run.last_is_cut) return POLICY_CUT;
  std::size_t bytes = 0, members = run.kept.size() + 1;
  for (const std::string& kept : run.kept) bytes += kept.size() + 1;
  bytes += out.size();
  const auto takes_place = [&](std::size_t n) {
    return (folded ? lower(injected_[n].key) : injected_[n].key) == key || run.own.contains(injected_[n].key);
  };
  for (const std::size_t n : run.injecting)
    if (!takes_place(n)) {
      bytes += injected_[n].text.size() + 1;
      members++;
    }
  if (members > max_members_) return POLICY_OVER_MEMBERS;
  if (bytes > max_bytes_) return POLICY_OVER_BYTES;
  for (const std::size_t n : run.injecting)
    if (takes_place(n)) run.own.insert(injected_[n].key);
  run.kept.push_back(out);
  return hit ? POLICY_REDACTED : POLICY_KEPT;
}

PolicyOutcome PolicyReference::judge(const PolicyInput& input) const {
  PolicyOutcome outcome;
  Run run;
  std::set<std::string> keys;
  std::size_t reserved = 0;
  for (std::size_t n = 0; n < injected_.size(); ++n) {
    if (!(input.injectable >> n & 1) || !keys.insert(injected_[n].key).second) continue;
    if (run.injecting.size() >= max_members_ || reserved + injected_[n].text.size() > max_bytes_) {
      outcome.counts[POLICY_NOT_INJECTED]++;
      continue;
    }
    reserved += injected_[n].text.size() + 1;
    run.injecting.push_back(n);
  }
  const std::vector<std::string> raws = input.text.empty() ? std::vector<std::string>{} : split(input.text, ',');
  std::set<const BaggageRule*> seen;
  std::size_t at = 0;
  for (std::size_t i = 0; i < raws.size(); at += raws[i].size() + 1, ++i) {
    const std::string text = trimmed(raws[i]);
    if (text.empty()) {
      outcome.counts[POLICY_EMPTY]++;
      continue;
    }
    run.is_last = i + 1 == raws.size();
    run.last_is_cut = input.cut;
    const bool folded = at + raws[i].find(text) >= input.folded_from;
    const policy_action action = member(raws[i], folded, run);
    outcome.counts[action]++;
    outcome.fates.push_back(action);
    if ((action == POLICY_KEPT || action == POLICY_REDACTED) && rules_.rules) {
      const std::string key = trimmed(text.substr(0, text.find('=')));
      for (const BaggageRule& rule : *rules_.rules)
        if (reference_glob(folded ? lower(rule.key.text) : rule.key.text, key)) {
          seen.insert(&rule);
          break;
        }
    }
  }
  for (const std::size_t n : run.injecting)
    if (!run.own.contains(injected_[n].key)) {
      run.kept.push_back(injected_[n].text);
      outcome.counts[POLICY_INJECTED]++;
    }
  if (rules_.rules)
    for (const BaggageRule& rule : *rules_.rules)
      outcome.counts[POLICY_MISSING] += rule.required && !seen.contains(&rule);
  for (const std::string& kept : run.kept) outcome.text += (outcome.text.empty() ? "" : ",") + kept;
  return outcome;
}

}  // namespace weft::test
