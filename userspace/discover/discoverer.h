// SPDX-License-Identifier: Apache-2.0
// Decides which processes are traced and how, and keeps that true while processes come, change and go.
//
// A process is traced when an `instrument` entry matches it or when it was born of a traced process, and nothing
// excludes it. Decisions by hand (attach, detach) win over rules; they belong to the process, so they outlive an
// exec and end with it. What attach says holds for children born later too; what detach says does not: a child that
// an entry matches by itself is traced.
//
// Thread-safe: the event loop and the control API call it at the same time. ProcessTarget and ResourceTable are
// called with its lock held and must not call back.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "discover/instrumented.h"
#include "discover/language.h"
#include "discover/listening_ports.h"
#include "discover/matcher.h"
#include "discover/process_info.h"
#include "discover/process_target.h"
#include "discover/resource.h"
#include "discover/rules.h"

namespace weft {

enum class ProcessChange : std::uint8_t { fork, exec, exit, listen };

enum class ProcessState : std::uint8_t {
  traced,
  instrumented,  // traced for metrics only: it makes its own spans
  refused,       // a rule would trace it, something says no
  seen,          // nothing asks for it
};
std::string_view process_state_name(ProcessState state);

// One row of `weft ps`.
struct DiscoveredProcess {
  pid_t pid = 0;
  std::string service;
  std::string executable;
  std::string language;  // "" when unknown
  ProcessState state = ProcessState::seen;
  std::string reason;        // one sentence
  ProcessSettings settings;  // of traced and instrumented ones
};

class Discoverer {
 public:
  // All references must outlive the discoverer. `proc_root` is /proc but for tests.
  Discoverer(DiscoveryRules rules, ProcessTarget& target, ResourceTable& resources, const Clock& clock,
             std::string proc_root = "/proc");

  // One look at every process: new ones are judged, vanished ones dropped, another program under a known pid is
  // judged anew. Call it once at the start, then through poll().
  void scan();
  void poll();  // scans when poll_interval has passed since the last scan

  // What the kernel reports. `parent` is known for fork, `port` for listen.
  void on_change(pid_t pid, ProcessChange change, pid_t parent = 0, std::uint16_t port = 0);

  // Every request that the kernel saw (cheap): finds processes that make their own spans.
  void saw_request(const SeenRequest& request);

  // The process asks FIONREAD on a kernel that answers it wrongly: its sockets are changed no more.
  void saw_fionread(pid_t pid);

  // Errors are one line for the user.
  Result<void> attach(pid_t pid);
  Result<void> detach(pid_t pid);

  void set_rules(DiscoveryRules rules);

  std::vector<DiscoveredProcess> processes() const;  // by pid
  std::array<std::size_t, 4> counts() const;         // by ProcessState

 private:
  enum class ByHand : std::uint8_t { nothing, attach, detach };
  struct Process {
    ProcessInfo info;         // args are dropped once judged, unless traced
    std::uint64_t inode = 0;  // of its /proc directory; 0: not seen by a scan yet
    std::string service;
    std::shared_ptr<const InstrumentRule> rule;  // the entry that asks for it; null: none
    bool inherited = false;                      // … because it asks for an ancestor
    std::vector<std::uint16_t> ports;            // told by listen events
    ByHand by_hand = ByHand::nothing;
    bool by_hand_inherited = false;
    bool fionread = false;
    std::string instrumented;  // why, or empty
    ProcessState state = ProcessState::seen;
    std::string reason;
    bool handed_over = false;     // target.trace succeeded
    std::uint64_t failed_ns = 0;  // last refusal by the target, monotonic
    ProcessSettings settings;
  };

  // All below: REQUIRES mutex_ held.
  Process* admit(pid_t pid, std::uint64_t inode);
  void judge(Process& process);
  void inherit(Process& child, const Process& parent);
  void apply(Process& process);
  void drop(pid_t pid);
  void settle_newcomers(std::vector<pid_t> newcomers);
  ProcessSettings settings_for(const Process& process) const;
  bool check_known(Process& process, std::uint64_t inode);
  void scan_locked();

  mutable std::mutex mutex_;
  DiscoveryRules rules_;
  ProcessTarget& target_;
  ResourceTable& resources_;
  const Clock& clock_;
  ProcFiles files_;
  LanguageGuesser languages_;
  ProcessReader reader_;
  ListeningPorts ports_;
  Matcher matcher_;
  InstrumentedDetector detector_;
  std::map<pid_t, Process> processes_;
  std::uint64_t last_scan_ns_ = 0;
};

}  // namespace weft
