// SPDX-License-Identifier: Apache-2.0
// Rules against one process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "discover/process_info.h"
#include "discover/rules.h"

namespace weft {

struct Verdict {
  std::shared_ptr<const InstrumentRule> rule;  // null: no instrument entry matches
  std::string rule_reason;                     // "exe_path /usr/bin/python3* (instrument entry 1)"
  std::string excluded;                        // why it must not be traced, whoever asks for it; empty: nothing does
};

// Listening ports within the ranges; asked only when everything else of an entry matches.
using PortLookup = std::function<std::vector<std::uint16_t>(const std::vector<PortRange>& wanted)>;

class Matcher {
 public:
  // `host_pid_namespace`: of the machine's init; 0 = unknown. A process elsewhere is in a container.
  Matcher(const DiscoveryRules& rules, std::uint64_t host_pid_namespace);

  Verdict judge(const ProcessInfo& process, const PortLookup& ports) const;
  // What has to be read of a process before judge().
  bool asks_for_ports() const { return asks_for_ports_; }
  bool asks_for_containers() const { return asks_for_containers_; }
  bool asks_for_languages() const { return asks_for_languages_; }
  bool empty() const { return instrument_.empty(); }
  // Every entry names the processes it means: none that was not named can match.
  bool asks_for_pids_only() const;

  // An entry equal to this one, or null: an inherited decision lives on when the rules are read again.
  std::shared_ptr<const InstrumentRule> same_rule(const InstrumentRule& rule) const;

 private:
  void note_needs(const InstrumentRule& rule);
  bool matches(const InstrumentRule& rule, const ProcessInfo& process, const PortLookup& ports) const;

  std::vector<std::shared_ptr<const InstrumentRule>> instrument_;
  std::vector<InstrumentRule> exclude_;
  std::uint64_t host_pid_namespace_;
  bool asks_for_ports_ = false;
  bool asks_for_containers_ = false;
  bool asks_for_languages_ = false;
};

// The conditions of an entry in the words of the configuration.
std::string describe(const InstrumentRule& rule);

}  // namespace weft
