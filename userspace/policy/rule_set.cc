// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_set.h"

#include "base/glob.h"

namespace weft {
namespace {

bool holds(const PlacedText& glob, std::string_view text) { return glob.text.empty() || glob_match(glob.text, text); }

bool holds_namespace(const PlacedText& glob, const PolicySubject& subject) {
  return holds(glob, subject.service_namespace) || holds(glob, subject.kubernetes_namespace);
}

}  // namespace

RuleSet default_rule_set() {
  RuleSet set;
  set.name = "default";
  set.version = "default";
  for (const std::string_view key : kDefaultDenied) set.top.deny.push_back({std::string(key), {}, false});
  return set;
}

bool matches(const ScopeCondition& when, const PolicySubject& subject) {
  return holds(when.service, subject.service) && holds_namespace(when.service_namespace, subject) &&
         holds(when.environment, subject.environment);
}

bool matches(const InjectionCondition& when, const PolicySubject& subject) {
  return holds(when.service, subject.service) && holds_namespace(when.service_namespace, subject);
}

}  // namespace weft
