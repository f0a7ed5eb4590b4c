// SPDX-License-Identifier: Apache-2.0
#include "discover/discoverer.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/utf8.h"

namespace weft {
namespace {

constexpr unsigned kTakesSpansOften = 3;  // as often as the kernel tells

constexpr std::uint64_t kRetryRefused_ns = 30'000'000'000;
// A poll looks for another executable in one process of so many: exec events tell it at once, this is for lost ones.
constexpr unsigned kTurns = 8;
// Likewise for listening sockets. Rare, because the kernel walks its whole hash of connections for /proc/net/tcp:
// milliseconds, however few there are.
constexpr unsigned kPortTurns = 32;
// What the target does about a client of Kafka may depend on what the process has done by then.
constexpr std::uint64_t kKafkaAgain_ns = 200'000'000;

DiscoveryState denied_state(const DeniedProcesses::Process& process) {
  return process.asked ? DiscoveryState::refused : DiscoveryState::seen;
}

}  // namespace

std::string_view discovery_state_name(DiscoveryState state) {
  switch (state) {
    case DiscoveryState::traced:
      return "traced";
    case DiscoveryState::instrumented:
      return "instrumented";
    case DiscoveryState::refused:
      return "refused";
    case DiscoveryState::seen:
      break;
  }
  return "seen";
}

Discoverer::Discoverer(DiscoveryRules rules, ProcessTarget& target, ResourceTable& resources, const Clock& clock,
                       std::string proc_root)
    : rules_(std::move(rules)),
      target_(target),
      resources_(resources),
      clock_(clock),
      files_(std::move(proc_root)),
      reader_(files_, &languages_),
      ports_(files_),
      matcher_(rules_, files_.namespace_id(1, "pid")),
      detector_(clock) {}

void Discoverer::scan() {
  const std::scoped_lock lock(mutex_);
  scan_locked(std::nullopt);
}

void Discoverer::poll() {
  const std::scoped_lock lock(mutex_);
  if (clock_.monotonic_ns() - last_scan_ns_ >= rules_.poll_interval_ns) scan_locked(++turn_);
}

bool Discoverer::attach_late() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  return !lock || target_.attach_late();
}

void Discoverer::scan_locked(std::optional<unsigned> turn) {
  last_scan_ns_ = clock_.monotonic_ns();
  const bool ports_too = !turn || *turn % kPortTurns == 0;
  if (ports_too) ports_.renew();
  std::set<pid_t> present, denied;
  std::vector<pid_t> changed;
  const bool readable = files_.each_process([&](pid_t pid, std::uint64_t inode) {
    const auto known = processes_.find(pid);
    const bool kept = known != processes_.end() && still_the_same(known->second, inode);
    if (!kept) {
      drop(pid);
      if (admit(pid, inode) == nullptr) {
        if (denied_.contains(pid)) denied.insert(pid);
        return;
      }
      changed.push_back(pid);
    }
    present.insert(pid);
  });
  if (!readable) return;  // an unreadable /proc is no proof that everything has ended
  std::vector<pid_t> gone;
  for (const auto& [pid, process] : processes_) {
    if (!present.contains(pid)) gone.push_back(pid);
  }
  for (const pid_t pid : gone) drop(pid);
  denied_.keep_only(denied);
  if (warn) std::ranges::for_each(denied_.news(!matcher_.asks_for_pids_only()), warn);
  recheck_known(changed, turn, ports_too);
  settle(std::move(changed));
}

// The directory's inode tells it for nothing; only when that has changed (or is new to us) the start time is read.
bool Discoverer::still_the_same(Process& process, std::uint64_t inode) {
  if (process.inode == inode && inode != 0) return true;
  const auto now = reader_.read(process.info.pid);
  if (!now || now->start_ticks != process.info.start_ticks) return false;
  if (inode != 0) process.inode = inode;
  return true;
}

// Known processes that have to be looked at again: their file is another one, a port may have been opened, or the
// target had no room for them.
void Discoverer::recheck_known(std::vector<pid_t>& again, std::optional<unsigned> turn, bool ports_too) {
  const std::set<pid_t> fresh(again.begin(), again.end());
  for (auto& [pid, process] : processes_) {
    if (fresh.contains(pid)) continue;
    const bool its_turn = !turn || (static_cast<unsigned>(pid) + *turn) % kTurns == 0;
    const bool executed_another = its_turn && executes_another(process);
    const bool may_listen = ports_too && matcher_.asks_for_ports() && process.state == DiscoveryState::seen &&
                            process.info.net_namespace != 0 && ports_.changed(pid, process.info.net_namespace);
    const bool retry = process.failed_ns != 0 && last_scan_ns_ - process.failed_ns >= kRetryRefused_ns;
    if (executed_another) executed(process);
    if (executed_another || ((may_listen || retry) && refresh(process))) again.push_back(pid);
  }
}

bool Discoverer::executes_another(const Process& process) const {
  auto executable = files_.link(process.info.pid, "exe");
  if (!executable) return false;
  drop_deleted_mark(*executable);
  return *executable != process.info.executable;
}

Discoverer::Process* Discoverer::admit(pid_t pid, std::uint64_t inode) {
  if (pid == getpid()) return nullptr;  // weft never looks at itself
  Process process;
  process.info.pid = pid;
  process.inode = inode;
  std::optional<DeniedRead> denied;
  const bool readable = refresh(process, &denied);
  if (denied) {
    const auto parent = processes_.find(denied->parent);
    denied_.add(*denied, asked_by_pid(pid) || (parent != processes_.end() && asked_for(parent->second)));
  } else {
    denied_.remove(pid);
  }
  if (!readable) return nullptr;
  return &processes_.insert_or_assign(pid, std::move(process)).first->second;
}

void Discoverer::drop(pid_t pid) {
  const auto process = processes_.find(pid);
  if (process == processes_.end()) return;
  take_back(process->second);
  detector_.forget(pid);
  processes_.erase(process);
}

void Discoverer::on_change(pid_t pid, ProcessChange change, pid_t parent, std::uint16_t port, std::string_view comm) {
  const std::scoped_lock lock(mutex_);
  if (change == ProcessChange::exit) denied_.remove(pid);
  if (change == ProcessChange::exit) return drop(pid);
  if (change == ProcessChange::fork) return forked(pid, parent);
  const auto known = processes_.find(pid);
  Process* process = known == processes_.end() ? admit(pid, 0) : &known->second;
  if (process == nullptr) return gone(pid, parent, comm);
  if (change == ProcessChange::exec && known != processes_.end()) {
    executed(*process, comm);
  } else if (change == ProcessChange::listen && port != 0) {
    if (std::find(process->ports.begin(), process->ports.end(), port) == process->ports.end()) {
      process->ports.push_back(port);
    }
    if (process->handed_over || !matcher_.asks_for_ports()) {
      if (known == processes_.end()) settle({pid});
      return;
    }
    if (!refresh(*process)) return drop(pid);
  }
  settle({pid});
}

// Another program in the same process: what was learned of the old one is worth nothing, what the user or an ancestor
// asked for still holds.
void Discoverer::executed(Process& process, std::string_view comm) {
  detector_.forget(process.info.pid);
  process.ports.clear();
  process.instrumented.clear();
  process.sends_spans = false;
  process.takes_spans = 0;
  process.asked_fionread = false;
  process.blocking_known = false;
  process.failed_ns = 0;
  if (refresh(process)) return;
  process.info.args.clear();  // gone already; its exit will be told
  if (comm.empty()) return;
  process.info.executable.clear();
  process.info.language = Language::unknown;
  process.info.comm = comm;
}

// It has ended before it could be looked at. The kernel has followed it because its parent is traced, so that its spans
// come, and are to bear a name.
void Discoverer::gone(pid_t pid, pid_t parent, std::string_view program) {
  const auto known = processes_.find(parent);
  if (program.empty() || known == processes_.end() || !known->second.handed_over) return;
  ProcessInfo info;
  info.pid = pid;
  info.parent = parent;
  info.comm = program;
  resources_.add(info, known->second.rule.get());
  resources_.ended(pid);
}

// The child runs the parent's program until it executes another: what is known of that program is true of it too.
void Discoverer::forked(pid_t pid, pid_t parent) {
  const auto before = processes_.find(pid);
  if (before != processes_.end()) {
    if (still_the_same(before->second, 0) && refresh(before->second)) return settle({pid});  // a scan was faster
    drop(pid);
  }
  Process* child = admit(pid, 0);
  const auto known = processes_.find(parent != 0 || child == nullptr ? parent : child->info.parent);
  if (child == nullptr) {
    if (known != processes_.end()) gone(pid, parent, known->second.service);
    return;
  }
  if (known != processes_.end() && known->second.info.executable == child->info.executable) {
    child->instrumented = known->second.instrumented;
    child->sends_spans = known->second.sends_spans;
    child->takes_spans = known->second.takes_spans;
    child->asked_fionread = known->second.asked_fionread;
    child->blocking_known = known->second.blocking_known;
  }
  settle({pid});
}

void Discoverer::saw_request(const SeenRequest& request) {
  const std::string why = detector_.saw(request);
  if (why.empty()) return;
  const std::scoped_lock lock(mutex_);
  const auto known = processes_.find(request.pid);
  if (known != processes_.end()) makes_own_spans(known->second, why);
}

void Discoverer::saw_spans_sent(pid_t pid, std::string_view format) {
  const std::scoped_lock lock(mutex_);
  const auto known = processes_.find(pid);
  if (known == processes_.end() || known->second.takes_spans) return;
  if (makes_own_spans(known->second, "it sends spans (" + std::string(format) + ")")) known->second.sends_spans = true;
}

void Discoverer::saw_spans_taken(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  const auto known = processes_.find(pid);
  if (known == processes_.end()) return;
  Process& process = known->second;
  process.takes_spans++;
  // One or two may be a stranger's, who tries what there is.
  if (process.takes_spans < kTakesSpansOften || !std::exchange(process.sends_spans, false)) return;
  process.instrumented.clear();
  apply(process, false);
}

// False: it was known already, or is not asked for.
bool Discoverer::makes_own_spans(Process& process, const std::string& why) {
  if (!rules_.exclude_otel_instrumented || !process.instrumented.empty()) return false;
  process.instrumented = why;
  apply(process, false);
  return true;
}

void Discoverer::saw_fionread(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  const auto known = processes_.find(pid);
  if (known == processes_.end() || std::exchange(known->second.asked_fionread, true)) return;
  if (known->second.never_enrol.empty()) known->second.never_enrol = kAskedFionread;
  apply(known->second, false);
}

void Discoverer::saw_kafka(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  const auto known = processes_.find(pid);
  if (known == processes_.end() || !known->second.handed_over) return;
  const std::uint64_t now = clock_.monotonic_ns();
  auto& told = known->second.kafka_told_ns;
  if (told != 0 && now - told < kKafkaAgain_ns) return;
  told = now;
  target_.speaks_kafka(pid);
}

Result<void> Discoverer::attach(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  const std::string name = "process " + std::to_string(pid);
  const auto group = pid > 0 ? reader_.thread_group(pid) : std::nullopt;
  if (!group) return fail("there is no " + name);
  if (pid == getpid()) return fail(name + " is weftd itself");
  if (*group != pid) {
    return fail(std::to_string(pid) + " is a thread: attach to its process " + std::to_string(*group));
  }
  const auto known = processes_.find(pid);
  Process* process = known == processes_.end() ? admit(pid, 0) : &known->second;
  if (denied_.contains(pid)) return fail(name + " cannot be traced: " + denied_.why(pid));
  if (process == nullptr || !refresh(*process)) {
    return fail(name + " cannot be traced: a kernel thread, a zombie, or weftd may not read it (CAP_SYS_PTRACE)");
  }
  process->by_hand = ByHand::attach;
  process->failed_ns = 0;
  settle({pid});
  if (process->state == DiscoveryState::refused) return fail(name + ": " + process->reason);
  attach_descendants(pid, true);
  return {};
}

Result<void> Discoverer::detach(pid_t pid) {
  const std::scoped_lock lock(mutex_);
  const auto known = processes_.find(pid);
  if (known == processes_.end()) return fail("process " + std::to_string(pid) + " is not known: see weft ps --all");
  const bool was_attached = known->second.by_hand == ByHand::attach;
  known->second.by_hand = ByHand::detach;
  apply(known->second, false);
  if (was_attached) attach_descendants(pid, false);
  return {};
}

void Discoverer::attach_descendants(pid_t ancestor, bool attached) {
  std::vector<pid_t> family{ancestor};
  for (std::size_t i = 0; i < family.size(); ++i) {
    for (auto& [pid, process] : processes_) {
      if (process.info.parent != family[i] || process.by_hand != ByHand::nothing) continue;
      if (pid != family[i] && refresh(process)) family.push_back(pid);
      process.by_hand_inherited = attached;
    }
  }
  family.erase(family.begin());
  settle(std::move(family));
}

void Discoverer::set_rules(DiscoveryRules rules) {
  const std::scoped_lock lock(mutex_);
  rules_ = std::move(rules);
  matcher_ = Matcher(rules_, files_.namespace_id(1, "pid"));
  ports_.renew();
  std::vector<pid_t> all;
  for (auto& [pid, process] : processes_) {
    // A child of a process that has ended since keeps its entry, if the new rules still have it.
    if (process.inherited) process.rule = matcher_.same_rule(*process.rule);
    if (process.rule == nullptr) process.inherited = false;
    if (!rules_.exclude_otel_instrumented) {
      process.instrumented.clear();
      process.sends_spans = false;
    }
    if (refresh(process)) all.push_back(pid);
  }
  settle(std::move(all));
}

std::vector<DiscoveredProcess> Discoverer::processes() const {
  const std::scoped_lock lock(mutex_);
  std::vector<DiscoveredProcess> rows;
  rows.reserve(processes_.size());
  for (const auto& [pid, process] : processes_) {
    Language language = process.info.language;  // of those not traced it may not have been asked yet
    if (language == Language::unknown) language = languages_.guess(files_.path(pid, "exe"), process.info.executable);
    rows.push_back({pid, process.service, to_utf8_line(process.info.executable), std::string(language_name(language)),
                    process.state, process.reason, process.never_enrol, process.settings});
  }
  for (const auto& [pid, process] : denied_.all()) {
    rows.push_back({.pid = pid, .service = process.name, .state = denied_state(process), .reason = process.why});
  }
  std::ranges::sort(rows, {}, &DiscoveredProcess::pid);
  return rows;
}

std::array<std::size_t, 4> Discoverer::counts() const {
  const std::scoped_lock lock(mutex_);
  std::array<std::size_t, 4> counts{};
  for (const auto& [pid, process] : processes_) ++counts[static_cast<std::size_t>(process.state)];
  for (const auto& [pid, process] : denied_.all()) ++counts[static_cast<std::size_t>(denied_state(process))];
  return counts;
}

}  // namespace weft
