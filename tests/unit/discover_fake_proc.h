// SPDX-License-Identifier: Apache-2.0
// A /proc of our own making, and a target that remembers what it was told.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "discover/discoverer.h"

namespace weft::test {

struct FakeProcess {
  pid_t pid = 0;
  std::string exe;
  std::vector<std::string> args;
  pid_t parent = 1;
  std::uint64_t start = 100;
  std::string comm = "comm";
  std::vector<std::string> environment;
  std::string cgroup = "0::/\n";
  std::uint64_t net_namespace = 4026531840;
  std::uint64_t pid_namespace = 4026531836;
  std::vector<std::uint64_t> sockets;  // inodes of its descriptors
};

class FakeProc {
 public:
  FakeProc();
  ~FakeProc();
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  std::string root() const { return root_.string(); }
  std::filesystem::path directory(pid_t pid) const { return root_ / std::to_string(pid); }

  void put(const FakeProcess& process);   // a new process, also under a pid that was used before
  void exec(const FakeProcess& process);  // the same process, another program
  void end(pid_t pid);

  // /proc/PID/net/tcp: (port, inode, state); the kernel lists listening sockets (0A) first.
  struct Socket {
    std::uint16_t port;
    std::uint64_t inode;
    std::string state = "0A";
  };
  void listen(pid_t pid, const std::vector<Socket>& sockets, const char* file = "tcp");

 private:
  void fill(const std::filesystem::path& directory, const FakeProcess& process);
  std::filesystem::path root_;
};

class FakeTarget final : public ProcessTarget {
 public:
  Result<void> trace(pid_t pid, const ProcessSettings& settings) override {
    ++calls;
    if (during_trace) during_trace();
    if (full) return fail("no room for another process");
    traced[pid] = settings;
    return {};
  }
  void untrace(pid_t pid) override {
    traced.erase(pid);
    untraced.insert(pid);
  }
  void speaks_kafka(pid_t pid) override { kafka.push_back(pid); }
  bool attach_late() override {
    ++late_calls;
    return false;
  }

  std::set<pid_t> pids() const {
    std::set<pid_t> pids;
    for (const auto& [pid, settings] : traced) pids.insert(pid);
    return pids;
  }

  std::map<pid_t, ProcessSettings> traced;
  std::set<pid_t> untraced;
  std::vector<pid_t> kafka;
  int calls = 0, late_calls = 0;
  bool full = false;
  std::function<void()> during_trace;
};

// A discoverer over a fake /proc.
struct Scene {
  explicit Scene(DiscoveryRules rules) : discoverer(std::move(rules), target, resources, clock, proc.root()) {}
  DiscoveredProcess row(pid_t pid) const {
    for (const auto& row : discoverer.processes()) {
      if (row.pid == pid) return row;
    }
    return {};
  }

  FakeProc proc;
  ManualClock clock;
  FakeTarget target;
  ResourceTable resources{{"box", "boot"}, clock};
  Discoverer discoverer;
};

inline InstrumentRule exe_rule(const std::string& glob) {
  InstrumentRule rule;
  rule.exe_path = glob;
  return rule;
}
inline DiscoveryRules instrument(std::initializer_list<InstrumentRule> entries) {
  DiscoveryRules rules;
  rules.instrument = entries;
  return rules;
}

}  // namespace weft::test
