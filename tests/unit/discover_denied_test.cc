// SPDX-License-Identifier: Apache-2.0
// Processes of the real /proc that may not be looked at.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "unit/discover_fake_proc.h"

using namespace weft;
using namespace weft::test;

namespace {

// This thread has no rights over processes of others while it lives. (Without them from the start: nothing changes.)
class NoRights {
 public:
  NoRights() : was_root_(geteuid() == 0) {
    if (was_root_) syscall(SYS_setresuid, -1, 65534, -1);
  }
  ~NoRights() {
    if (!was_root_) return;
    syscall(SYS_setresuid, -1, 0, -1);
    prctl(PR_SET_DUMPABLE, 1);  // which the kernel takes from whoever changes
  }

 private:
  const bool was_root_;
};

// A child that nobody without rights may look at, whoever owns it.
class GuardedChild {
 public:
  GuardedChild() {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_DUMPABLE, 0);
      prctl(PR_SET_NAME, "guarded");
      if (write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char c;
    REQUIRE(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~GuardedChild() { reap(); }
  pid_t pid() const { return pid_; }
  void end() {  // a zombie
    kill(pid_, SIGKILL);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    if (pid_ <= 0) return;
    end();
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

// A process that anybody with rights may look at, and that has a guarded child when it is told to.
class ParentOfGuarded {
 public:
  ParentOfGuarded() {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0);
    pid_ = fork();
    if (pid_ != 0) return;
    char go;
    if (read(ends_[1], &go, 1) != 1) _exit(1);
    GuardedChild child;
    const pid_t born = child.pid();
    if (write(ends_[1], &born, sizeof born) != sizeof born || read(ends_[1], &go, 1) < 0) _exit(1);
    child.reap();
    _exit(0);
  }
  ~ParentOfGuarded() {
    shutdown(ends_[0], SHUT_WR);
    waitpid(pid_, nullptr, 0);
    close(ends_[0]);
    close(ends_[1]);
  }
  pid_t pid() const { return pid_; }
  pid_t bear() {
    pid_t child = 0;
    REQUIRE(write(ends_[0], "x", 1) == 1);
    REQUIRE(read(ends_[0], &child, sizeof child) == sizeof child);
    return child;
  }

 private:
  int ends_[2] = {};
  pid_t pid_ = 0;
};

struct DeniedScene {
  ManualClock clock;
  FakeTarget target;
  ResourceTable resources{{}, clock};
  Discoverer discoverer;
  std::vector<std::string> log;

  explicit DeniedScene(DiscoveryRules rules) : discoverer(std::move(rules), target, resources, clock) {
    discoverer.warn = [this](const std::string& line) { log.push_back(line); };
  }
  DiscoveredProcess row(pid_t pid) const {
    for (const auto& row : discoverer.processes())
      if (row.pid == pid) return row;
    return {};
  }
  std::size_t known() const {
    std::size_t sum = 0;
    for (const std::size_t count : discoverer.counts()) sum += count;
    return sum;
  }
};

std::string why_denied(pid_t pid) {
  return "weftd may not read /proc/" + std::to_string(pid) +
         "/exe (Permission denied): it needs CAP_SYS_PTRACE over the process, which a user namespace or a security "
         "module "
         "may withhold";
}

}  // namespace

TEST_CASE("denied: a process that is asked for by its pid is refused, in the log too, once") {
  const GuardedChild child;
  DeniedScene scene(instrument({{.target_pids = {child.pid()}}}));
  const NoRights none;
  for (int i = 0; i < 3; i++) scene.discoverer.scan();
  const auto row = scene.row(child.pid());
  CHECK(row.state == DiscoveryState::refused);
  CHECK(row.service == "guarded");
  CHECK(row.reason == why_denied(child.pid()));
  CHECK(scene.target.calls == 0);
  const std::string line =
      "process " + std::to_string(child.pid()) + " (guarded) is not traced: " + why_denied(child.pid());
  CHECK(std::count(scene.log.begin(), scene.log.end(), line) == 1);
  CHECK(scene.discoverer.attach(child.pid()).error().message ==
        "process " + std::to_string(child.pid()) + " cannot be traced: " + why_denied(child.pid()));
}

TEST_CASE("denied: others are seen, and the log tells of all of them once") {
  const GuardedChild child;
  DeniedScene scene(instrument({exe_rule("*")}));
  const NoRights none;
  scene.discoverer.scan();
  CHECK(scene.row(child.pid()).state == DiscoveryState::seen);
  CHECK(scene.row(child.pid()).reason == why_denied(child.pid()));
  CHECK(scene.discoverer.processes().size() == scene.known());
  const GuardedChild another;
  scene.discoverer.scan();
  CHECK(scene.row(another.pid()).reason == why_denied(another.pid()));
  REQUIRE(scene.log.size() == 1);
  CHECK(scene.log[0].find("weft ps --all") != std::string::npos);
  pid_t last = 0;
  for (const auto& row : scene.discoverer.processes()) {
    CHECK(row.pid > last);
    last = row.pid;
  }
}

TEST_CASE("denied: others are not told of where no entry could match them, until one can") {
  const GuardedChild child;
  DeniedScene scene(instrument({{.target_pids = {1 << 30}}}));
  const NoRights none;
  scene.discoverer.scan();
  CHECK(scene.row(child.pid()).reason == why_denied(child.pid()));
  CHECK(scene.log.empty());
  scene.discoverer.set_rules(instrument({{.target_pids = {1 << 30}}, exe_rule("*")}));
  scene.discoverer.scan();
  CHECK(scene.log.size() == 1);
}

TEST_CASE("denied: a child of one that is traced is asked for as well") {
  ParentOfGuarded parent;
  DeniedScene scene(instrument({{.target_pids = {parent.pid()}}}));
  scene.discoverer.scan();
  const pid_t child = parent.bear();
  const NoRights none;
  scene.discoverer.scan();
  if (scene.row(parent.pid()).state != DiscoveryState::traced) return;  // no rights from the start
  CHECK(scene.row(child).state == DiscoveryState::refused);
  REQUIRE(scene.log.size() == 1);
  CHECK(scene.log[0] == "process " + std::to_string(child) + " (guarded) is not traced: " + why_denied(child));
}

TEST_CASE("denied: what was found before anybody listened is told then") {
  const GuardedChild child;
  DeniedScene scene(instrument({{.target_pids = {child.pid()}}}));
  const NoRights none;
  const auto listener = std::exchange(scene.discoverer.warn, nullptr);
  scene.discoverer.scan();
  CHECK(scene.log.empty());
  scene.discoverer.warn = listener;
  scene.discoverer.scan();
  CHECK(scene.log[0].starts_with("process " + std::to_string(child.pid()) + " (guarded) is not traced: "));
}

TEST_CASE("denied: neither kernel threads nor what has ended") {
  GuardedChild child;
  DeniedScene scene(instrument({exe_rule("*")}));
  const NoRights none;
  scene.discoverer.scan();
  CHECK(scene.row(child.pid()).pid == child.pid());
  const auto kernel_thread = ProcFiles().read(2, "stat", 4096);
  if (kernel_thread && kernel_thread->find("(kthreadd)") != std::string::npos) CHECK(scene.row(2).pid == 0);
  child.end();
  scene.discoverer.scan();
  CHECK(scene.row(child.pid()).pid == 0);
  const GuardedChild told;
  scene.discoverer.scan();
  CHECK(scene.row(told.pid()).pid == told.pid());
  scene.discoverer.on_change(told.pid(), ProcessChange::exit);
  CHECK(scene.row(told.pid()).pid == 0);
}

TEST_CASE("denied: once it may be looked at it is judged like any other") {
  const GuardedChild child;
  DeniedScene scene(instrument({{.target_pids = {child.pid()}}}));
  {
    const NoRights none;
    scene.discoverer.scan();
    CHECK(scene.row(child.pid()).state == DiscoveryState::refused);
  }
  scene.discoverer.scan();
  const bool root = geteuid() == 0;
  CHECK(scene.row(child.pid()).state == (root ? DiscoveryState::traced : DiscoveryState::refused));
  CHECK(scene.target.traced.contains(child.pid()) == root);
  CHECK(scene.discoverer.processes().size() == scene.known());
}
