// SPDX-License-Identifier: Apache-2.0
// The state machine under the user's hand: attach, detach, other rules.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "unit/discover_fake_proc.h"

using namespace weft;
using namespace weft::test;
using Pids = std::set<pid_t>;

namespace {

FakeProcess nginx(pid_t pid, pid_t parent = 1) {
  return {.pid = pid,
          .exe = "/usr/sbin/nginx",
          .args = {parent == 1 ? "nginx: master process" : "nginx: worker process"},
          .parent = parent};
}

}  // namespace

TEST_CASE("hand: attach without any rule, with the children there are and those to come") {
  Scene scene({});
  scene.proc.put(nginx(30));
  scene.proc.put(nginx(31, 30));
  scene.proc.put(nginx(40));
  scene.discoverer.scan();
  CHECK(scene.row(30).reason == "discovery.instrument is empty");
  REQUIRE(scene.discoverer.attach(30));
  CHECK(scene.target.pids() == Pids{30, 31});
  CHECK(scene.row(30).reason == "attached by hand");
  CHECK(scene.row(31).reason == "an ancestor was attached by hand");
  CHECK(scene.resources.of(31)->service_name == "nginx");
  scene.proc.put(nginx(32, 30));
  scene.discoverer.on_change(32, ProcessChange::fork, 30);
  CHECK(scene.target.pids() == Pids{30, 31, 32});
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30, 31, 32});
  REQUIRE(scene.discoverer.detach(30));
  CHECK(scene.target.pids() == Pids{});
}

TEST_CASE("hand: attach wins over exclusions, lives through an exec, ends with the process") {
  DiscoveryRules rules;
  rules.exclude = {exe_rule("*nginx")};
  Scene scene(rules);
  scene.proc.put(nginx(30));
  REQUIRE(scene.discoverer.attach(30));
  CHECK(scene.target.pids() == Pids{30});
  scene.proc.exec({.pid = 30, .exe = "/bin/true", .args = {"true"}});
  scene.discoverer.on_change(30, ProcessChange::exec);
  CHECK(scene.target.pids() == Pids{30});
  CHECK(scene.resources.of(30)->service_name == "true");
  scene.discoverer.on_change(30, ProcessChange::exit);
  auto other = nginx(30);
  other.start = 999;
  scene.proc.put(other);
  scene.discoverer.scan();
  CHECK(scene.target.pids().empty());
}

TEST_CASE("hand: detach wins over entries for this process alone") {
  Scene scene(instrument({exe_rule("*nginx")}));
  scene.proc.put(nginx(30));
  scene.proc.put(nginx(31, 30));
  scene.discoverer.scan();
  REQUIRE(scene.discoverer.detach(30));
  CHECK(scene.target.pids() == Pids{31});
  CHECK(scene.row(30).state == DiscoveryState::refused);
  CHECK(scene.row(30).reason == "detached by hand");
  scene.discoverer.scan();
  scene.discoverer.on_change(30, ProcessChange::exec);
  scene.discoverer.set_rules(instrument({exe_rule("*nginx*")}));
  CHECK(scene.target.pids() == Pids{31});
  REQUIRE(scene.discoverer.attach(30));
  CHECK(scene.target.pids() == Pids{30, 31});
}

TEST_CASE("hand: attach and detach say what is wrong") {
  Scene scene({});
  CHECK(scene.discoverer.attach(77).error().message == "there is no process 77");
  CHECK(scene.discoverer.attach(0).error().message == "there is no process 0");
  CHECK(scene.discoverer.attach(-1).error().message == "there is no process -1");
  CHECK(scene.discoverer.detach(77).error().message == "process 77 is not known: see weft ps --all");
  scene.proc.put({.pid = 2, .exe = "", .args = {}});
  CHECK(scene.discoverer.attach(2).error().message ==
        "process 2 cannot be traced: a kernel thread, a zombie, or weftd may not read it (CAP_SYS_PTRACE)");
  const pid_t self = getpid();
  scene.proc.put({.pid = self, .exe = "/bin/self", .args = {"self"}});
  CHECK(scene.discoverer.attach(self).error().message == "process " + std::to_string(self) + " is weftd itself");
  scene.proc.put(nginx(30));
  std::ofstream(scene.proc.directory(30) / "status") << "Name:\tx\nTgid:\t29\n";
  CHECK(scene.discoverer.attach(30).error().message == "30 is a thread: attach to its process 29");
  scene.proc.put(nginx(31));
  scene.target.full = true;
  CHECK(scene.discoverer.attach(31).error().message == "process 31: no room for another process");
}

TEST_CASE("hand: other rules take effect on what runs; orphans keep an entry that stays") {
  const InstrumentRule orders{.cmd_args = "*orders.py*"};
  Scene scene(instrument({orders}));
  scene.proc.put({.pid = 30, .exe = "/usr/bin/python3", .args = {"python3", "orders.py"}});
  scene.proc.put({.pid = 31, .exe = "/bin/worker", .args = {"worker"}, .parent = 30});
  scene.proc.put({.pid = 40, .exe = "/usr/sbin/nginx", .args = {"nginx"}});
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30, 31});
  scene.proc.end(30);
  scene.proc.exec({.pid = 31, .exe = "/bin/worker", .args = {"worker"}});
  scene.discoverer.scan();
  scene.discoverer.set_rules(instrument({exe_rule("*nginx"), orders}));
  CHECK(scene.target.pids() == Pids{31, 40});
  scene.discoverer.set_rules(instrument({exe_rule("*nginx")}));
  CHECK(scene.target.pids() == Pids{40});
  scene.discoverer.set_rules({});
  CHECK(scene.target.pids().empty());
}

TEST_CASE("hand: what was put off is not touched while somebody attaches, and nobody waits for that") {
  Scene scene({});
  scene.proc.put(nginx(30));
  bool again = false;
  scene.target.during_trace = [&] { std::thread([&] { again = scene.discoverer.attach_late(); }).join(); };
  REQUIRE(scene.discoverer.attach(30));
  CHECK(again);
  CHECK(scene.target.late_calls == 0);
  CHECK(!scene.discoverer.attach_late());
  CHECK(scene.target.late_calls == 1);
}

TEST_CASE("hand: a new name in the rules reaches the resource of a running process") {
  Scene scene(instrument({{.exe_path = "*nginx", .service_name = "edge"}}));
  scene.proc.put(nginx(30));
  scene.discoverer.scan();
  CHECK(scene.row(30).service == "edge");
  scene.discoverer.set_rules(instrument({{.exe_path = "*nginx", .service_name = "gate"}}));
  CHECK(scene.row(30).service == "gate");
  CHECK(scene.resources.of(30)->service_name == "gate");
}
