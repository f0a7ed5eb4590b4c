// SPDX-License-Identifier: Apache-2.0
// What follows for a process from the rules, its ancestors, the user's hand and what was seen of it.
#include <algorithm>
#include <utility>

#include "base/glob.h"
#include "discover/discoverer.h"
#include "discover/known_programs.h"
#include "discover/service_name.h"

namespace weft {
namespace {

bool same(const ProcessSettings& a, const ProcessSettings& b) {
  return a.task == b.task && a.never_enrol == b.never_enrol && a.instrumented == b.instrumented &&
         a.orphans_root == b.orphans_root && a.blocking_known == b.blocking_known && a.identity == b.identity &&
         a.service == b.service;
}

PolicyIdentity identity_of(const Resource& resource) {
  const Attributes& attributes = resource.attributes;
  std::string environment = attributes.text("deployment.environment.name");
  if (environment.empty()) environment = attributes.text("deployment.environment");
  return {.service = resource.service_name,
          .service_namespace = attributes.text("service.namespace"),
          .kubernetes_namespace = attributes.text("k8s.namespace.name"),
          .environment = std::move(environment)};
}

}  // namespace

bool Discoverer::refresh(Process& process, std::optional<DeniedRead>* denied) {
  auto info = reader_.read(process.info.pid, denied);
  if (!info) return false;
  process.info = std::move(*info);
  if (matcher_.asks_for_containers()) reader_.read_container(process.info);
  if (matcher_.asks_for_languages()) reader_.read_language(process.info);
  const Verdict verdict = matcher_.judge(process.info, [&](const std::vector<PortRange>& wanted) {
    if (process.info.net_namespace == 0) reader_.read_network(process.info);
    std::vector<std::uint16_t> found = ports_.of(process.info, wanted);
    for (const std::uint16_t port : process.ports) {
      const bool asked = std::any_of(wanted.begin(), wanted.end(), [port](const PortRange& range) {
        return range.first <= port && port <= range.last;
      });
      if (asked) found.push_back(port);
    }
    return found;
  });
  process.excluded = verdict.excluded;
  if (verdict.rule != nullptr) {
    process.rule = verdict.rule;
    process.rule_reason = verdict.rule_reason;
    process.inherited = false;
  } else if (!process.inherited) {
    process.rule = nullptr;
  }
  return true;
}

bool Discoverer::asked_by_pid(pid_t pid) const {
  return std::ranges::any_of(rules_.instrument, [pid](const InstrumentRule& rule) {
    return std::ranges::find(rule.target_pids, pid) != rule.target_pids.end();
  });
}

bool Discoverer::asked_for(const Process& process) const {
  if (process.by_hand == ByHand::detach) return false;
  if (process.by_hand == ByHand::attach || process.by_hand_inherited) return true;
  return process.rule != nullptr && process.excluded.empty();
}

void Discoverer::inherit(Process& child, const Process& parent) const {
  if (!asked_for(parent)) return;
  if (parent.by_hand == ByHand::attach || parent.by_hand_inherited) child.by_hand_inherited = true;
  if (child.rule != nullptr || parent.rule == nullptr || !parent.excluded.empty()) return;
  child.rule = parent.rule;
  child.rule_reason = "its parent " + std::to_string(parent.info.pid) + " matches " + describe(*parent.rule);
  child.inherited = true;
}

void Discoverer::settle(std::vector<pid_t> pids) {
  std::sort(pids.begin(), pids.end());
  std::vector<pid_t> waiting;  // a process and, above it, its ancestors that have to come first
  std::vector<bool> done(pids.size(), false);
  const auto index = [&pids](pid_t pid) { return std::lower_bound(pids.begin(), pids.end(), pid) - pids.begin(); };
  for (const pid_t pid : pids) {
    waiting.push_back(pid);
    while (!waiting.empty()) {
      const auto at = index(waiting.back());
      const auto process = processes_.find(waiting.back());
      if (done[at] || process == processes_.end()) {
        waiting.pop_back();
        continue;
      }
      const pid_t parent = process->second.info.parent;
      const auto above = index(parent);
      const bool parent_first = above < std::ssize(pids) && pids[above] == parent && !done[above] &&
                                processes_.contains(parent) &&
                                std::find(waiting.begin(), waiting.end(), parent) == waiting.end();
      if (parent_first) {
        waiting.push_back(parent);
        continue;
      }
      done[at] = true;
      waiting.pop_back();
      settle_one(process->second);
    }
  }
}

void Discoverer::settle_one(Process& process) {
  const auto parent = processes_.find(process.info.parent);
  if (parent != processes_.end() && parent->first != process.info.pid) inherit(process, parent->second);
  apply(process, true);
}

// `fresh`: the process has just been read, so its arguments are there, and it may be another program than before.
void Discoverer::apply(Process& process, bool fresh) {
  if (fresh) process.service = program_name(process.info);
  if (asked_for(process)) {
    hand_over(process, fresh);
  } else {
    take_back(process);
    process.state = DiscoveryState::seen;
    process.reason = matcher_.empty() ? "discovery.instrument is empty" : "no discovery.instrument entry matches it";
    if (process.by_hand == ByHand::detach) {
      process.state = DiscoveryState::refused;
      process.reason = "detached by hand";
    } else if (!process.excluded.empty()) {
      process.state = process.rule != nullptr ? DiscoveryState::refused : DiscoveryState::seen;
      process.reason = process.excluded;
    }
  }
  process.info.args = {};  // may hold secrets
  process.info.environment = {};
}

// What has to be known of a program before it is traced. REQUIRES: the process has just been read.
void Discoverer::learn_program(Process& process) {
  reader_.read_environment(process.info);
  reader_.read_container(process.info);
  reader_.read_language(process.info);
  // Kept until it executes something else: servers rewrite their command line to a title that tells less.
  process.blocking_known = process.blocking_known || serves_thread_per_request(process.info, files_);
  const auto matches = [&process](const std::string& glob) { return glob_match(glob, process.info.executable); };
  process.never_enrol.clear();
  if (std::any_of(rules_.never_enrol.begin(), rules_.never_enrol.end(), matches)) {
    process.never_enrol = "propagation.never_enrol names it";
  } else if (process.asked_fionread) {
    process.never_enrol = kAskedFionread;
  } else if (rules_.fionread_broken && asks_fionread(process.info)) {
    process.never_enrol = "it is known to ask FIONREAD, which this kernel answers wrongly on sockets that weft changes";
  }
}

void Discoverer::hand_over(Process& process, bool fresh) {
  if (fresh) {
    learn_program(process);
    const auto resource = resources_.add(process.info, process.rule.get());
    process.service = resource->service_name;
    process.identity = identity_of(*resource);
  }
  ProcessSettings settings;
  settings.task = process.rule != nullptr ? process.rule->task : TaskRule::automatic;
  settings.never_enrol = !process.never_enrol.empty();
  settings.instrumented = !process.instrumented.empty();
  settings.orphans_root = rules_.orphans_root;
  settings.blocking_known = process.blocking_known;
  settings.identity = process.identity;
  settings.service = process.service;
  resources_.set_instrumented(process.info.pid, settings.instrumented);
  if (fresh || !process.handed_over || !same(settings, process.settings)) {
    process.settings = settings;
    if (const auto done = target_.trace(process.info.pid, settings); !done) {
      take_back(process);
      process.failed_ns = std::max<std::uint64_t>(1, clock_.monotonic_ns());
      process.state = DiscoveryState::refused;
      process.reason = done.error().message;
      return;
    }
  }
  process.handed_over = true;
  process.failed_ns = 0;
  process.state = settings.instrumented ? DiscoveryState::instrumented : DiscoveryState::traced;
  process.reason = process.by_hand == ByHand::attach ? "attached by hand"
                   : process.by_hand_inherited       ? "an ancestor was attached by hand"
                                                     : process.rule_reason;
  if (settings.instrumented) process.reason = "it makes its own spans: " + process.instrumented;
  if (settings.never_enrol) process.reason += "; observed only: " + process.never_enrol;
}

void Discoverer::take_back(Process& process) {
  if (process.handed_over) target_.untrace(process.info.pid);
  process.handed_over = false;
  resources_.ended(process.info.pid);
}

}  // namespace weft
