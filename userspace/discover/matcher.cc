// SPDX-License-Identifier: Apache-2.0
#include "discover/matcher.h"

#include <algorithm>

#include "base/glob.h"
#include "discover/known_programs.h"

namespace weft {
namespace {

bool has_condition(const InstrumentRule& rule) {
  return !rule.exe_path.empty() || !rule.cmd_args.empty() || !rule.open_ports.empty() || !rule.languages.empty() ||
         !rule.target_pids.empty() || rule.containers_only;
}

template <class Value>
bool holds(const std::vector<Value>& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

void append(std::string& text, const std::string& clause) {
  if (!text.empty()) text += ", ";
  text += clause;
}

}  // namespace

Matcher::Matcher(const DiscoveryRules& rules, std::uint64_t host_pid_namespace)
    : exclude_(rules.exclude), host_pid_namespace_(host_pid_namespace) {
  for (const InstrumentRule& rule : rules.instrument) {
    instrument_.push_back(std::make_shared<const InstrumentRule>(rule));
    note_needs(rule);
  }
  for (const InstrumentRule& rule : exclude_) note_needs(rule);
}

void Matcher::note_needs(const InstrumentRule& rule) {
  asks_for_ports_ |= !rule.open_ports.empty();
  asks_for_containers_ |= rule.containers_only;
  asks_for_languages_ |= !rule.languages.empty();
}

bool Matcher::asks_for_pids_only() const {
  return std::ranges::none_of(instrument_, [](const auto& rule) { return rule->target_pids.empty(); });
}

// Ports last: they cost a walk through the process's descriptors.
bool Matcher::matches(const InstrumentRule& rule, const ProcessInfo& process, const PortLookup& ports) const {
  if (!has_condition(rule)) return false;
  if (!rule.target_pids.empty() && !holds(rule.target_pids, process.pid)) return false;
  if (!rule.exe_path.empty() && !glob_match(rule.exe_path, process.executable)) return false;
  if (!rule.languages.empty() && !holds(rule.languages, process.language)) return false;
  if (rule.containers_only) {
    const bool elsewhere =
        host_pid_namespace_ != 0 && process.pid_namespace != 0 && process.pid_namespace != host_pid_namespace_;
    if (process.container_id.empty() && !elsewhere) return false;
  }
  if (!rule.cmd_args.empty() && !glob_match(rule.cmd_args, process.command_line())) return false;
  return rule.open_ports.empty() || !ports(rule.open_ports).empty();
}

Verdict Matcher::judge(const ProcessInfo& process, const PortLookup& ports) const {
  Verdict verdict;
  for (std::size_t i = 0; i < instrument_.size(); ++i) {
    if (!matches(*instrument_[i], process, ports)) continue;
    verdict.rule = instrument_[i];
    verdict.rule_reason = describe(*instrument_[i]) + " (instrument entry " + std::to_string(i + 1) + ")";
    break;
  }
  verdict.excluded = built_in_exclusion(process);
  for (std::size_t i = 0; i < exclude_.size() && verdict.excluded.empty(); ++i) {
    if (!matches(exclude_[i], process, ports)) continue;
    verdict.excluded = "excluded by " + describe(exclude_[i]) + " (exclude entry " + std::to_string(i + 1) + ")";
  }
  return verdict;
}

std::shared_ptr<const InstrumentRule> Matcher::same_rule(const InstrumentRule& rule) const {
  for (const auto& candidate : instrument_) {
    if (*candidate == rule) return candidate;
  }
  return nullptr;
}

std::string describe(const InstrumentRule& rule) {
  std::string text;
  if (!rule.target_pids.empty()) append(text, "target_pids");
  if (!rule.exe_path.empty()) append(text, "exe_path " + rule.exe_path);
  if (!rule.cmd_args.empty()) append(text, "cmd_args " + rule.cmd_args);
  if (!rule.languages.empty()) {
    std::string names;
    for (const Language language : rule.languages) {
      if (!names.empty()) names += '|';
      names += language_name(language);
    }
    append(text, "languages " + names);
  }
  if (!rule.open_ports.empty()) {
    std::string ports;
    for (const PortRange& range : rule.open_ports) {
      if (!ports.empty()) ports += ',';
      ports += std::to_string(range.first);
      if (range.last != range.first) ports += '-' + std::to_string(range.last);
    }
    append(text, "open_ports " + ports);
  }
  if (rule.containers_only) append(text, "containers_only");
  return text;
}

}  // namespace weft
