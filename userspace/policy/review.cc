// SPDX-License-Identifier: Apache-2.0
#include "policy/review.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "policy/key_glob.h"

namespace weft {
namespace {

class Review {
 public:
  std::vector<PolicyWarning> all(const RuleSet& set) {
    one(set.top);
    for (const auto& scope : set.scopes) one(scope.rules);
    scopes(set.scopes);
    injections(set);
    std::ranges::stable_sort(warnings_, {},
                             [](const PolicyWarning& w) { return std::pair(w.place.line, w.place.column); });
    return std::move(warnings_);
  }

 private:
  // What a scope takes over from the top level is found twice and told once.
  void warn(Place place, Place other, std::string reason) {
    const auto same = [&](const PolicyWarning& w) {
      return w.place == place && w.other == other && w.reason == reason;
    };
    if (std::ranges::none_of(warnings_, same)) warnings_.push_back({place, other, std::move(reason)});
  }

  void one(const PolicyRules& rules) {
    denied(rules.deny);
    if (rules.rules) {
      for (std::size_t i = 0; i < rules.rules->size(); ++i) {
        const BaggageRule& rule = (*rules.rules)[i];
        if (!against_deny(rule, rules.deny)) behind_others(rule, std::span(*rules.rules).first(i));
        values(rule);
      }
    }
    redactions(rules.redact);
  }

  void denied(const std::vector<DeniedKey>& deny) {
    for (std::size_t i = 0; i < deny.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (!deny[i].place.line || !deny[k].place.line) continue;
        if (!key_glob_covers(deny[k].text, deny[i].text, KeyCase::ignored)) continue;
        warn(deny[i].place, deny[k].place, fmt::format("deny '{}' adds nothing to '{}'", deny[i].text, deny[k].text));
        break;
      }
    }
  }

  bool against_deny(const BaggageRule& rule, const std::vector<DeniedKey>& deny) {
    for (const DeniedKey& denied : deny) {
      if (!key_glob_covers(denied.text, rule.key.text, KeyCase::ignored)) continue;
      warn(rule.key.place, denied.place,
           fmt::format("{} '{}' contradicts {} '{}', which comes first",
                       rule.required ? "the required key" : "the rule for", rule.key.text,
                       denied.place.line ? "deny" : "the built-in deny", denied.text));
      return true;
    }
    return false;
  }

  void behind_others(const BaggageRule& rule, std::span<const BaggageRule> earlier) {
    for (const BaggageRule& other : earlier) {
      if (!key_glob_covers(other.key.text, rule.key.text, KeyCase::exact)) continue;
      const bool same = other.key.text == rule.key.text;
      warn(rule.key.place, other.key.place,
           same ? fmt::format("the rule for '{}' never matches: there is one for the same key before it", rule.key.text)
                : fmt::format("the rule for '{}' never matches: '{}' before it takes every such key", rule.key.text,
                              other.key.text));
      return;
    }
  }

  void values(const BaggageRule& rule) {
    if (!rule.max_length || !rule.allowed_values) return;
    for (const PlacedText& value : *rule.allowed_values) {
      if (value.text.size() <= *rule.max_length) continue;
      warn(value.place, rule.place,
           fmt::format("the allowed value '{}' of '{}' is longer than its max_length {}", value.text, rule.key.text,
                       *rule.max_length));
    }
  }

  void redactions(const std::vector<Redaction>& redact) {
    for (std::size_t i = 0; i < redact.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (redact[i].pattern.text != redact[k].pattern.text) continue;
        warn(redact[i].pattern.place, redact[k].pattern.place,
             "the same pattern stands before: this one never matches");
        break;
      }
    }
  }

  static bool takes(const PlacedText& wide, const PlacedText& narrow) {
    return wide.text.empty() || wide.text == "*" || wide.text == narrow.text;
  }

  void scopes(const std::vector<PolicyScope>& scopes) {
    for (std::size_t i = 0; i < scopes.size(); ++i) {
      const ScopeCondition& when = scopes[i].when;
      if (when.percent && *when.percent == 0) warn(scopes[i].place, {}, "the scope never matches: percent is 0");
      for (std::size_t k = 0; k < i; ++k) {
        const ScopeCondition& other = scopes[k].when;
        if (other.percent && *other.percent < 100) continue;
        if (!takes(other.service, when.service) || !takes(other.service_namespace, when.service_namespace) ||
            !takes(other.environment, when.environment))
          continue;
        warn(scopes[i].place, scopes[k].place, "the scope never matches: one before it takes everything that it would");
        break;
      }
    }
  }

  void injections(const RuleSet& set) {
    for (std::size_t i = 0; i < set.inject.size(); ++i) {
      for (const InjectedMember& member : set.inject[i].set) {
        again(member, set.inject[i].when, std::span(set.inject).first(i));
        for (const DeniedKey& denied : set.top.deny) {
          if (!key_glob_covers(denied.text, member.key.text, KeyCase::ignored)) continue;
          warn(member.key.place, denied.place,
               fmt::format("inject sets '{}', which {} '{}' removes from what comes in", member.key.text,
                           denied.place.line ? "deny" : "the built-in deny", denied.text));
          break;
        }
      }
    }
  }

  // For one key the first entry that matches decides.
  void again(const InjectedMember& member, const InjectionCondition& when, std::span<const Injection> earlier) {
    for (const Injection& other : earlier) {
      if (!takes(other.when.service, when.service) || !takes(other.when.service_namespace, when.service_namespace) ||
          !when.path_prefix.text.starts_with(other.when.path_prefix.text))
        continue;
      const auto same = std::ranges::find(other.set, member.key.text, [](const auto& m) { return m.key.text; });
      if (same == other.set.end()) continue;
      warn(member.key.place, same->key.place,
           fmt::format("inject sets '{}' again: the entry before it always wins", member.key.text));
      return;
    }
  }

  std::vector<PolicyWarning> warnings_;
};

}  // namespace

std::vector<PolicyWarning> review(const RuleSet& rules) { return Review().all(rules); }

}  // namespace weft
