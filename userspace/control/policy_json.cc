// SPDX-License-Identifier: Apache-2.0
#include "control/policy_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Built-in entries have no line.
Json line(const Place& place) { return place.line ? Json(static_cast<unsigned>(place.line)) : Json(nullptr); }

Json condition(std::initializer_list<std::pair<const char*, const PlacedText*>> parts) {
  Json when = Json::object();
  for (const auto& [name, part] : parts) {
    if (!part->text.empty()) when[name] = part->text;
  }
  return when;
}

Json rule_hits(const policy_counters& counts, std::size_t row) {
  Json hits = Json::object();
  for (const auto& [by, name] : {std::pair{POLICY_BY_KEPT, "kept"},
                                 {POLICY_BY_TOO_LONG, "too_long"},
                                 {POLICY_BY_NOT_ALLOWED, "not_allowed"},
                                 {POLICY_BY_MISSING, "missing"}}) {
    if (counts.by[by][row]) hits[name] = counts.by[by][row];
  }
  return hits;
}

Json rules_object(const PolicyRules& rules, const policy_counters& counts) {
  if (!rules.rules) return nullptr;
  Json list = Json::array();
  for (std::size_t i = 0; i < rules.rules->size(); ++i) {
    const BaggageRule& rule = (*rules.rules)[i];
    Json values = nullptr;
    if (rule.allowed_values) {
      values = Json::array();
      for (const auto& value : *rule.allowed_values) values.push_back(value.text);
    }
    list.push_back({{"key", rule.key.text},
                    {"line", line(rule.place)},
                    {"max_length", rule.max_length ? Json(*rule.max_length) : Json(nullptr)},
                    {"required", rule.required},
                    {"allowed_values", std::move(values)},
                    {"low_cardinality", rule.low_cardinality},
                    {"hits", rule_hits(counts, std::min<std::size_t>(i + 1, POLICY_RULES_MAX))}});
  }
  return list;
}

Json automaton_object(const PolicySize& size) {
  Json parts = Json::array();
  std::size_t states = 0;
  for (const auto& part : size.automata) {
    parts.push_back({{"name", part.name}, {"states", part.states}, {"classes", part.classes}, {"bytes", part.bytes}});
    states += part.states;
  }
  return {{"states", states},
          {"table_bytes", size.table_bytes},
          {"worst_steps", size.worst_steps},
          {"parts", std::move(parts)}};
}

Json set_object(const PolicyRules& rules, const PolicyScope* scope, const PolicySetReport& report) {
  Json set;
  set["scope"] = nullptr;
  if (scope) {
    set["scope"] = condition({{"service", &scope->when.service},
                              {"namespace", &scope->when.service_namespace},
                              {"environment", &scope->when.environment}});
    if (scope->when.percent) set["scope"]["percent"] = *scope->when.percent;
  }
  set["line"] = scope ? line(scope->place) : Json(nullptr);
  set["automaton"] = automaton_object(report.size);
  set["texts"] = report.counts.texts;
  set["members"] = Json::object();
  for (unsigned action = 0; action < POLICY_ACTION_COUNT; ++action) {
    if (report.counts.actions[action])
      set["members"][policy_action_name(static_cast<policy_action>(action))] = report.counts.actions[action];
  }
  set["rules"] = rules_object(rules, report.counts);
  set["deny"] = Json::array();
  for (std::size_t i = 0; i < rules.deny.size() && i < POLICY_DENIED_MAX; ++i) {
    set["deny"].push_back({{"key", rules.deny[i].text},
                           {"line", line(rules.deny[i].place)},
                           {"hits", report.counts.by[POLICY_BY_DENIED][i + 1]}});
  }
  set["redact"] = Json::array();
  for (std::size_t i = 0; i < rules.redact.size() && i < POLICY_REDACTIONS_MAX; ++i) {
    const Redaction& redaction = rules.redact[i];
    set["redact"].push_back({{"pattern", redaction.pattern.text},
                             {"replace", redaction.replace.text},
                             {"line", line(redaction.place)},
                             {"hits", report.counts.redacted[i]}});
  }
  return set;
}

Json injections_object(const PolicyReport& report) {
  Json list = Json::array();
  std::size_t index = 0;
  for (const Injection& injection : report.rules.inject) {
    Json members = Json::array();
    for (const InjectedMember& member : injection.set) {
      std::uint64_t sum = 0;
      for (const PolicySetReport& set : report.sets)
        sum += index < POLICY_INJECTED_MAX ? set.counts.injected[index] : 0;
      members.push_back({{"key", member.key.text}, {"value", member.value.text}, {"hits", sum}});
      ++index;
    }
    list.push_back({{"when", condition({{"service", &injection.when.service},
                                        {"namespace", &injection.when.service_namespace},
                                        {"path_prefix", &injection.when.path_prefix}})},
                    {"overwrite", injection.overwrite},
                    {"line", line(injection.place)},
                    {"set", std::move(members)}});
  }
  return list;
}

Json warnings_object(const std::vector<PolicyWarning>& warnings) {
  Json list = Json::array();
  for (const PolicyWarning& warning : warnings) {
    list.push_back({{"line", line(warning.place)},
                    {"column", static_cast<unsigned>(warning.place.column)},
                    {"other_line", line(warning.other)},
                    {"warning", warning.reason}});
  }
  return list;
}

Json refusal_object(const PolicyRefusal& refusal) {
  Json json{{"error", refusal.message()}};
  if (refusal.error.place.line) {
    json["line"] = static_cast<unsigned>(refusal.error.place.line);
    json["column"] = static_cast<unsigned>(refusal.error.place.column);
  }
  return json;
}

}  // namespace

Json policy_report_object(const PolicyReport& report) {
  Json json{{"version", report.rules.version},
            {"name", report.rules.name},
            {"origin", report.origin},
            {"generation", report.generation},
            {"since_unix_nano", report.since_unix_ns}};
  if (report.until_unix_ns) json["until_unix_nano"] = report.until_unix_ns;
  json["warnings"] = warnings_object(report.warnings);
  json["sets"] = Json::array();
  const PolicySetReport nothing;
  for (std::size_t n = 0; n <= report.rules.scopes.size(); ++n) {
    const PolicyScope* scope = n ? &report.rules.scopes[n - 1] : nullptr;
    json["sets"].push_back(
        set_object(scope ? scope->rules : report.rules.top, scope, n < report.sets.size() ? report.sets[n] : nothing));
  }
  json["inject"] = injections_object(report);
  return json;
}

Json policy_explanation_object(const PolicyExplanation& explanation) {
  Json members = Json::array();
  for (const MemberFate& fate : explanation.members) {
    members.push_back({{"member", fate.member},
                       {"fate", fate.fate},
                       {"why", fate.reason},
                       {"line", line(fate.place)},
                       {"out", fate.out}});
  }
  return {{"version", explanation.version},
          {"scope", explanation.scope},
          {"out", explanation.out},
          {"members", std::move(members)},
          {"missing", explanation.missing}};
}

std::string policy_json(const PolicyStatus& status) {
  Json json = policy_report_object(status.live);
  json["applied"] = status.applied;
  json["refused"] = status.refused;
  json["refusal"] = nullptr;
  if (status.refusal) {
    json["refusal"] = refusal_object(*status.refusal);
    json["refusal"]["unix_nano"] = status.refusal->unix_ns;
  }
  json["shadow"] = status.shadow ? policy_report_object(*status.shadow) : Json(nullptr);
  json["unenforced"] = Json::array();
  for (const auto& [connection, last_unix_ns] : status.unenforced) {
    json["unenforced"].push_back({{"connection", connection.connection_id},
                                  {"pid", connection.pid},
                                  {"protocol", connection.protocol},
                                  {"local", connection.local},
                                  {"peer", connection.peer},
                                  {"reasons", connection.reasons},
                                  {"last_unix_nano", last_unix_ns}});
  }
  return text(json);
}

std::string policy_trial_json(const PolicyStatus& status) {
  Json json{{"live", {{"version", status.live.rules.version}, {"name", status.live.rules.name}}}};
  json["shadow"] = status.shadow ? policy_report_object(*status.shadow) : Json(nullptr);
  return text(json);
}

std::string policy_applied_json(const PolicyReport& report) {
  Json json{{"version", report.rules.version}, {"name", report.rules.name}, {"generation", report.generation}};
  if (report.until_unix_ns) json["until_unix_nano"] = report.until_unix_ns;
  json["warnings"] = warnings_object(report.warnings);
  return text(json);
}

std::string policy_refusal_json(const PolicyRefusal& refusal) { return text(refusal_object(refusal)); }

std::string policy_explanation_json(const PolicyExplanation& explanation) {
  return text(policy_explanation_object(explanation));
}

}  // namespace weft
