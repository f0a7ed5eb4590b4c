// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_text.h"

#include <fmt/format.h>

#include "cli/format.h"
#include "exporter/console/cells.h"

namespace weft::cli {
namespace {

constexpr std::size_t kMostUnenforcedRows = 20;

std::string heading(const std::string& text, const Screen& screen) {
  return toned(printable(text), Tone::strong, screen.color) + "\n";
}

std::string line_text(const Json& entry) {
  const auto line = count_of(entry, "line");
  return line ? std::to_string(line) : "built-in";
}

// {"service": "pay-*", "percent": 10} -> "service pay-*, 10 % of the traces"
std::string condition_text(const Json& when) {
  std::string text;
  for (const auto& [name, value] : when.items()) {
    if (!text.empty()) text += ", ";
    if (name == "percent" && value.is_number())
      text += fmt::format("{:g} % of the traces", value.get<double>());
    else if (value.is_string())
      text += name + " " + value.get<std::string>();
  }
  return text;
}

std::string set_name(const Json& set) {
  const Json& scope = member(set, "scope");
  if (!scope.is_object()) return "top level";
  const std::string when = condition_text(scope);
  return fmt::format("scope at line {}: {}", count_of(set, "line"), when.empty() ? "everything" : when);
}

std::string limits_text(const Json& rule) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (member(rule, "max_length").is_number()) add(fmt::format("at most {} bytes", count_of(rule, "max_length")));
  if (const Json& values = member(rule, "allowed_values"); values.is_array()) {
    std::string all;
    for (const auto& value : values)
      if (value.is_string()) all += (all.empty() ? "" : "|") + value.get<std::string>();
    add("one of " + all);
  }
  if (member(rule, "required") == true) add("required");
  if (member(rule, "low_cardinality") == true) add("values in metrics");
  return text;
}

// What a rule did but keep: "3 too_long, 1 missing".
std::string misses_text(const Json& hits) {
  Json others = Json::object();
  for (const auto& [name, count] : hits.items())
    if (name != "kept") others[name] = count;
  return others.empty() ? "" : counts_text(others);
}

void add_rules(Table& table, const Json& set) {
  for (const auto& denied : member(set, "deny")) {
    const auto hits = count_of(denied, "hits");
    table.row({line_text(denied), "deny", text_of(denied, "key"), "", "", hits ? fmt::format("{} denied", hits) : ""});
  }
  const Json& rules = member(set, "rules");
  if (!rules.is_array()) table.row({"", "rule", "(no rules: every other key passes)", "", "", ""});
  if (rules.is_array() && rules.empty()) table.row({"", "rule", "(an empty list: no key passes)", "", "", ""});
  for (const auto& rule : rules) {
    const Json& hits = member(rule, "hits");
    table.row({line_text(rule), "rule", text_of(rule, "key"), limits_text(rule), std::to_string(count_of(hits, "kept")),
               misses_text(hits)});
  }
  for (const auto& redaction : member(set, "redact")) {
    const auto hits = count_of(redaction, "hits");
    table.row({line_text(redaction), "redact", text_of(redaction, "pattern"),
               "becomes '" + text_of(redaction, "replace") + "'", hits ? std::to_string(hits) : "0", ""});
  }
}

std::string sets_text(const Json& report, const Screen& screen) {
  std::string out;
  for (const auto& set : member(report, "sets")) {
    out += "\n" + heading(set_name(set), screen);
    out +=
        fmt::format("  {} headers judged; members: {}\n", count_of(set, "texts"), counts_text(member(set, "members")));
    Table table({{"LINE", true},
                 {"PART"},
                 {"WHAT", false, true},
                 {"LIMITS", false, true},
                 {"KEPT", true},
                 {"NOT KEPT", false, true}});
    add_rules(table, set);
    out += table.text(screen);
  }
  const Json& inject = member(report, "inject");
  if (inject.empty()) return out;
  out += "\n" + heading("injected", screen);
  Table table({{"LINE", true}, {"MEMBER", false, true}, {"WHEN", false, true}, {"OVERWRITES"}, {"HITS", true}});
  for (const auto& injection : inject) {
    const std::string when = condition_text(member(injection, "when"));
    for (const auto& one : member(injection, "set")) {
      table.row({line_text(injection), text_of(one, "key") + "=" + text_of(one, "value"),
                 when.empty() ? "always" : when, member(injection, "overwrite") == true ? "yes" : "no",
                 std::to_string(count_of(one, "hits"))});
    }
  }
  return out + table.text(screen);
}

std::string unenforced_text(const Json& policy, const Screen& screen) {
  const Json& list = member(policy, "unenforced");
  if (!list.is_array() || list.empty()) return "";
  Table table({{"PID", true}, {"PROTOCOL"}, {"FROM"}, {"TO"}, {"MESSAGES", false, true}, {"LAST"}});
  std::size_t rows = 0;
  for (const auto& one : list) {
    if (rows++ == kMostUnenforcedRows) break;
    table.row({std::to_string(count_of(one, "pid")), text_of(one, "protocol"), text_of(one, "local"),
               text_of(one, "peer"), counts_text(member(one, "reasons")), local_time(count_of(one, "last_unix_nano"))});
  }
  std::string out = "\n" + heading("unenforced: baggage that went out as it was", screen) + table.text(screen);
  if (list.size() > kMostUnenforcedRows)
    out += fmt::format("and {} connections before these\n", list.size() - kMostUnenforcedRows);
  return out;
}

struct Difference {
  std::string would, what, line, reason;
  std::uint64_t members;
};

void differences_of(const Json& set, std::vector<Difference>& all) {
  for (const auto& denied : member(set, "deny"))
    all.push_back({"drop", text_of(denied, "key"), line_text(denied), "denied", count_of(denied, "hits")});
  for (const auto& rule : member(set, "rules")) {
    for (const auto& [reason, count] : member(rule, "hits").items()) {
      if (reason == "kept" || !count.is_number_unsigned()) continue;
      all.push_back({reason == "missing" ? "miss" : "drop", text_of(rule, "key"), line_text(rule), reason,
                     count.get<std::uint64_t>()});
    }
  }
  for (const auto& redaction : member(set, "redact"))
    all.push_back(
        {"redact", text_of(redaction, "pattern"), line_text(redaction), "redacted", count_of(redaction, "hits")});
  // Reasons that belong to no entry of the file.
  for (const char* reason : {"no_rule", "malformed", "overwritten", "over_members", "over_bytes", "cut", "unjudged"})
    all.push_back({"drop", "", "", reason, count_of(member(set, "members"), reason)});
}

}  // namespace

std::string policy_name_text(const Json& report) {
  const auto version = text_of(report, "version");
  return version.empty() ? "policy without a version" : "policy version " + version;
}

std::string policy_text(const Json& policy, const Screen& screen) {
  std::string out = heading(
      fmt::format("{} from {}, in force since {}", policy_name_text(policy),
                  text_of(policy, "origin") == "default" ? "the agent itself (no file)" : text_of(policy, "name"),
                  local_time(count_of(policy, "since_unix_nano"))),
      screen);
  if (const Json& refusal = member(policy, "refusal"); refusal.is_object()) {
    out += toned(printable(fmt::format("refused at {}: {}", local_time(count_of(refusal, "unix_nano")),
                                       text_of(refusal, "error"))),
                 Tone::bad, screen.color) +
           "\n";
  }
  if (const Json& trial = member(policy, "shadow"); trial.is_object())
    out += printable(fmt::format("beside it on trial: {} from {} (weft policy diff)", policy_name_text(trial),
                                 text_of(trial, "name"))) +
           "\n";
  out += policy_warnings_text(policy, text_of(policy, "name"));
  return out + sets_text(policy, screen) + unenforced_text(policy, screen);
}

std::string policy_check_text(const Json& report, const Screen& screen) {
  std::string out =
      heading(fmt::format("{}: {} can be used", text_of(report, "name"), policy_name_text(report)), screen);
  Table table({{"SET", false, true},
               {"RULES", true},
               {"DENY", true},
               {"REDACT", true},
               {"STATES", true},
               {"TABLES", true},
               {"WORST STEPS", true}});
  for (const auto& set : member(report, "sets")) {
    const Json& automaton = member(set, "automaton");
    const Json& rules = member(set, "rules");
    table.row({set_name(set), rules.is_array() ? std::to_string(rules.size()) : "-",
               std::to_string(member(set, "deny").size()), std::to_string(member(set, "redact").size()),
               std::to_string(count_of(automaton, "states")), human_bytes(count_of(automaton, "table_bytes")),
               std::to_string(count_of(automaton, "worst_steps"))});
  }
  out += table.text(screen);
  return out + fmt::format("compiled in {:.1f} ms\n", number_of(report, "compile_seconds") * 1e3);
}

std::string policy_test_text(const Json& explanation, const Screen& screen) {
  Table table({{"FATE"}, {"MEMBER", false, true}, {"GOES OUT AS", false, true}, {"WHY", false, true}});
  for (const auto& one : member(explanation, "members")) {
    const auto fate = text_of(one, "fate"), out = text_of(one, "out"), came = text_of(one, "member");
    const Tone tone = out.empty() ? Tone::bad : fate == "kept" ? Tone::good : Tone::warn;
    table.row({{fate, tone}, came.empty() ? "-" : came, out.empty() ? "-" : out, text_of(one, "why")});
  }
  std::string text = table.text(screen);
  for (const auto& key : member(explanation, "missing"))
    if (key.is_string())
      text += toned(printable("missing: " + key.get<std::string>()), Tone::warn, screen.color) + "\n";
  const auto out = text_of(explanation, "out");
  text += printable(out.empty() ? "no baggage header goes out" : "baggage: " + out) + "\n";
  return text +
         printable(fmt::format("judged by {}, {}", policy_name_text(explanation), text_of(explanation, "scope"))) +
         "\n";
}

std::string policy_trial_text(const Json& trial, const Screen& screen) {
  const Json& shadow = member(trial, "shadow");
  std::string out = heading(fmt::format("{} from {} beside {}", policy_name_text(shadow), text_of(shadow, "name"),
                                        policy_name_text(member(trial, "live"))),
                            screen);
  const auto until = count_of(shadow, "until_unix_nano");
  out += fmt::format("on trial since {}{}\n", local_time(count_of(shadow, "since_unix_nano")),
                     until ? ", until " + local_time(until) : "");
  Table table(
      {{"IT WOULD"}, {"MEMBERS", true}, {"WHAT", false, true}, {"LINE", true}, {"REASON"}, {"SET", false, true}});
  std::uint64_t texts = 0, rows = 0;
  for (const auto& set : member(shadow, "sets")) {
    texts += count_of(set, "texts");
    std::vector<Difference> differences;
    differences_of(set, differences);
    for (const auto& one : differences) {
      if (!one.members) continue;
      ++rows;
      table.row({one.would, std::to_string(one.members), one.what.empty() ? "-" : one.what, one.line, one.reason,
                 set_name(set)});
    }
  }
  for (const auto& injection : member(shadow, "inject")) {
    for (const auto& one : member(injection, "set")) {
      const auto hits = count_of(one, "hits");
      if (!hits) continue;
      ++rows;
      table.row({"inject", std::to_string(hits), text_of(one, "key") + "=" + text_of(one, "value"),
                 line_text(injection), "injected", ""});
    }
  }
  out +=
      fmt::format("{} headers judged by both; what the one on trial would do and the one in force does not:\n", texts);
  return out + (rows ? table.text(screen) : std::string("nothing\n"));
}

std::string policy_warnings_text(const Json& report, const std::string& file) {
  std::string out;
  for (const auto& warning : member(report, "warnings")) {
    out += printable(fmt::format("warning: {}:{}:{}: {}", file, count_of(warning, "line"), count_of(warning, "column"),
                                 text_of(warning, "warning")));
    if (const auto other = count_of(warning, "other_line")) out += fmt::format(" (line {})", other);
    out += "\n";
  }
  return out;
}

}  // namespace weft::cli
