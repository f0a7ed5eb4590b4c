// SPDX-License-Identifier: Apache-2.0
// Decides which processes are traced and how, and keeps that true while processes come, change and go.
//
// A process is traced when an `instrument` entry matches it or when it was born of a traced process, and nothing
// excludes it. Decisions by hand (attach, detach) win over rules; they belong to the process, so they outlive an
// exec and end with it. Attach speaks for the process's children too, detach for the process alone (and takes back an
// attach with its children): a worker that an entry matches stays traced when its master is detached.
//
// Thread-safe: the event loop and the control API call it at the same time. ProcessTarget and ResourceTable are
// called with its lock held and must not call back.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "discover/denied.h"
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

enum class DiscoveryState : std::uint8_t {
  traced,
  instrumented,  // traced for metrics only: it makes its own spans
  refused,       // a rule would trace it, something says no
  seen,          // nothing asks for it
};
std::string_view discovery_state_name(DiscoveryState state);

// One row of `weft ps`.
struct DiscoveredProcess {
  pid_t pid = 0;
  std::string service;
  std::string executable;
  std::string language;  // "" when unknown
  DiscoveryState state = DiscoveryState::seen;
  std::string reason;        // one sentence
  std::string never_enrol;   // why its sockets are never changed, or empty
  ProcessSettings settings;  // of traced and instrumented ones
};

class Discoverer {
 public:
  // All references must outlive the discoverer. `proc_root` is /proc but for tests.
  Discoverer(DiscoveryRules rules, ProcessTarget& target, ResourceTable& resources, const Clock& clock,
             std::string proc_root = "/proc");

  // One line for the log, of processes that may not be looked at. Called by scan() and poll() with the lock held; what
  // was found before it is set is told then.
  std::function<void(const std::string& line)> warn;

  // One look at every process: new ones are judged, vanished ones dropped, those that execute another file judged
  // anew. An exec of the same file is known by its event only.
  void scan();
  // Call it as often as you like: when poll_interval has passed it looks for new and vanished processes, and at a part
  // of the others.
  void poll();

  // What could not be attached at once; call it as often as you like. True: call it again. Never waits for whoever is
  // at work in here.
  bool attach_late();

  // What the kernel reports. `parent` and the task's name are known for fork and exec, `port` for listen.
  void on_change(pid_t pid, ProcessChange change, pid_t parent = 0, std::uint16_t port = 0, std::string_view comm = {});

  // Every request that the kernel saw (cheap): finds processes that make their own spans.
  void saw_request(const SeenRequest& request);

  // The process has handed spans to a back end; `format` is a word for people.
  void saw_spans_sent(pid_t pid, std::string_view format);
  // It has received spans of others, so that those that it sends are not its own.
  void saw_spans_taken(pid_t pid);

  // The process asks FIONREAD on a kernel that answers it wrongly: its sockets are changed no more.
  void saw_fionread(pid_t pid);

  // The process is a client of Kafka; of each request that the kernel saw (cheap).
  void saw_kafka(pid_t pid);

  // Errors are one line for the user.
  Result<void> attach(pid_t pid);
  Result<void> detach(pid_t pid);

  void set_rules(DiscoveryRules rules);

  std::vector<DiscoveredProcess> processes() const;  // by pid
  std::array<std::size_t, 4> counts() const;         // by DiscoveryState

 private:
  static constexpr std::string_view kAskedFionread =
      "it asked FIONREAD, which this kernel answers wrongly on sockets that weft changes";

  enum class ByHand : std::uint8_t { nothing, attach, detach };
  struct Process {
    ProcessInfo info;         // without arguments and environment once it has been judged
    std::uint64_t inode = 0;  // of its /proc directory; 0: no scan has seen it yet
    std::string service;
    PolicyIdentity identity;
    std::shared_ptr<const InstrumentRule> rule;  // the entry that asks for it; null: none
    std::string rule_reason;
    bool inherited = false;            // … because it asks for an ancestor
    std::string excluded;              // why not, or empty
    std::vector<std::uint16_t> ports;  // told by listen events
    ByHand by_hand = ByHand::nothing;
    bool by_hand_inherited = false;  // an ancestor was attached by hand
    bool asked_fionread = false;
    std::uint64_t kafka_told_ns = 0;  // when the target was last told that it speaks Kafka; 0: never
    std::string never_enrol;          // why its sockets are never changed, or empty
    bool blocking_known = false;
    std::string instrumented;  // why, or empty
    bool sends_spans = false;  // … because of that
    unsigned takes_spans = 0;  // so often, as far as it is told
    DiscoveryState state = DiscoveryState::seen;
    std::string reason;
    bool handed_over = false;     // the target traces it
    std::uint64_t failed_ns = 0;  // when the target refused, monotonic; 0: it did not
    ProcessSettings settings;
  };

  // All below: REQUIRES mutex_ held. discoverer.cc: what happened; decide.cc: what follows from it.
  Process* admit(pid_t pid, std::uint64_t inode);
  // Reads it again and judges; false: it is gone, or `denied` says why not.
  bool refresh(Process& process, std::optional<DeniedRead>* denied = nullptr);
  bool asked_by_pid(pid_t pid) const;
  void settle(std::vector<pid_t> pids);  // refreshed processes, parents before children: inherit, apply
  void settle_one(Process& process);
  void inherit(Process& child, const Process& parent) const;
  bool asked_for(const Process& process) const;
  void apply(Process& process, bool fresh);
  void hand_over(Process& process, bool fresh);
  void learn_program(Process& process);
  void take_back(Process& process);
  void drop(pid_t pid);
  void executed(Process& process, std::string_view comm = {});
  void gone(pid_t pid, pid_t parent, std::string_view program);
  void forked(pid_t pid, pid_t parent);
  void scan_locked(std::optional<unsigned> turn);  // no turn: all known processes are looked at again
  bool still_the_same(Process& process, std::uint64_t inode);
  void recheck_known(std::vector<pid_t>& again, std::optional<unsigned> turn, bool ports_too);
  bool executes_another(const Process& process) const;
  void attach_descendants(pid_t ancestor, bool attached);
  bool makes_own_spans(Process& process, const std::string& why);

  mutable std::mutex mutex_;
  DiscoveryRules rules_;
  ProcessTarget& target_;
  ResourceTable& resources_;
  const Clock& clock_;
  ProcFiles files_;
  mutable LanguageGuesser languages_;  // a cache
  ProcessReader reader_;
  ListeningPorts ports_;
  Matcher matcher_;
  InstrumentedDetector detector_;
  std::map<pid_t, Process> processes_;
  DeniedProcesses denied_;  // none of those
  std::uint64_t last_scan_ns_ = 0;
  unsigned turn_ = 0;
};

}  // namespace weft
