// SPDX-License-Identifier: Apache-2.0
// Discovery against the real /proc and real children.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "unit/discover_child.h"
#include "unit/discover_fake_proc.h"

using namespace weft;
using namespace weft::test;

TEST_CASE("live: a Python program, its environment, its shell child and its end") {
  ManualClock clock;
  FakeTarget target;
  ResourceTable resources(read_host_identity(ProcFiles()), clock);
  const std::string name = "orders-" + std::to_string(getpid());
  const std::string script = (std::filesystem::temp_directory_path() / (name + ".py")).string();
  Discoverer discoverer(instrument({{.cmd_args = "*python3* " + script}}), target, resources, clock);
  std::ofstream(script) << "import subprocess, sys\n"
                           "p = subprocess.Popen(['sh', '-c', 'sleep 60 & echo $!; wait'], stdout=subprocess.PIPE)\n"
                           "print(p.pid, int(p.stdout.readline()), flush=True)\n"
                           "sys.stdin.read()\n"
                           "p.kill()\n";
  Child child({"python3", script}, {"OTEL_RESOURCE_ATTRIBUTES=service.version=7,secret=x", "DB_PASSWORD=hunter2"});
  pid_t shell = 0, sleeper = 0;
  REQUIRE(std::sscanf(child.read_line().c_str(), "%d %d", &shell, &sleeper) == 2);
  wait_for_executable(sleeper, "sleep");  // the shell tells its pid before it has become that
  discoverer.scan();
  CHECK(target.pids() == std::set<pid_t>{child.pid(), shell, sleeper});
  REQUIRE(resources.of(child.pid()) != nullptr);
  const Attributes attributes = resources.of(child.pid())->attributes;
  CHECK(attributes.text("service.name") == name);
  CHECK(attributes.text("service.version") == "7");
  CHECK(attributes.text("telemetry.sdk.language") == "python");
  CHECK(attributes.text("host.name") != "");
  REQUIRE(resources.of(sleeper) != nullptr);
  CHECK(resources.of(sleeper)->service_name == "sleep");
  kill(sleeper, SIGKILL);
  child.finish();
  discoverer.scan();
  CHECK_FALSE(target.traced.contains(child.pid()));
  CHECK(resources.of(child.pid()) != nullptr);
  unlink(script.c_str());
}

TEST_CASE("live: a script started by fexecve is called by its file") {
  ManualClock clock;
  FakeTarget target;
  ResourceTable resources({}, clock);
  const std::string name = "cart-" + std::to_string(getpid());
  const std::string script = (std::filesystem::temp_directory_path() / (name + ".py")).string();
  std::ofstream(script) << "#!/usr/bin/python3\nimport sys\nprint('up', flush=True)\nsys.stdin.read()\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  Child child({"python3", "-c",
               "import os\n"
               "fd = os.open('" +
                   script +
                   "', os.O_RDONLY)\n"
                   "os.set_inheritable(fd, True)\n"
                   "os.execve(fd, ['shown to nobody'], os.environ)\n"});
  CHECK(child.read_line() == "up");
  Discoverer discoverer({}, target, resources, clock);
  REQUIRE(discoverer.attach(child.pid()));
  CHECK(resources.of(child.pid())->service_name == name);
  unlink(script.c_str());
}

TEST_CASE("live: a listening port, and the thread of a process") {
  ManualClock clock;
  FakeTarget target;
  ResourceTable resources({}, clock);
  Child child({"python3", "-c",
               "import socket, sys, threading\n"
               "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
               "t = threading.Thread(target=sys.stdin.read); t.start()\n"
               "print(s.getsockname()[1], t.native_id, flush=True)\n"});
  unsigned port = 0;
  int thread = 0;
  REQUIRE(std::sscanf(child.read_line().c_str(), "%u %d", &port, &thread) == 2);
  const auto number = static_cast<std::uint16_t>(port);
  Discoverer discoverer(instrument({{.open_ports = {{number, number}}}}), target, resources, clock);
  discoverer.scan();
  CHECK(target.pids() == std::set<pid_t>{child.pid()});
  CHECK(discoverer.attach(thread).error().message ==
        std::to_string(thread) + " is a thread: attach to its process " + std::to_string(child.pid()));
}

TEST_CASE("live: an exec under the same pid") {
  const std::string mark = std::to_string(getpid());  // others sleep too
  ManualClock clock;
  FakeTarget target;
  ResourceTable resources({}, clock);
  Discoverer discoverer(instrument({{.cmd_args = "sleep 60." + mark}}), target, resources, clock);
  Child child({"sh", "-c", "echo up; read x; exec sleep 60." + mark});
  CHECK(child.read_line() == "up");
  discoverer.scan();
  CHECK(target.pids().empty());
  child.write_line("go");
  child.wait_for_executable("sleep");
  discoverer.on_change(child.pid(), ProcessChange::exec);
  CHECK(target.pids() == std::set<pid_t>{child.pid()});
  kill(child.pid(), SIGKILL);
}

TEST_CASE("live: the cost of a scan, printed") {
  std::vector<Child> children;
  for (int i = 0; i < 300; ++i) children.emplace_back(std::vector<std::string>{"sleep", "60"});
  for (Child& child : children) child.wait_for_executable("sleep");
  const auto cpu_ms = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
  };
  for (const InstrumentRule& rule :
       {exe_rule("/nothing"),
        InstrumentRule{.cmd_args = "*nothing*", .languages = {Language::go}, .containers_only = true},
        InstrumentRule{.open_ports = {{1, 2}}}}) {
    ManualClock clock;
    FakeTarget target;
    ResourceTable resources({}, clock);
    Discoverer discoverer(instrument({rule}), target, resources, clock);
    const double start_ms = cpu_ms();
    discoverer.scan();
    const double first_ms = cpu_ms() - start_ms;
    constexpr int kPolls = 32;
    for (int i = 0; i < kPolls; ++i) {
      clock.monotonic += 1'000'000'000;
      discoverer.poll();
    }
    const double poll_ms = (cpu_ms() - start_ms - first_ms) / kPolls;
    const auto counts = discoverer.counts();
    CHECK(counts[static_cast<std::size_t>(DiscoveryState::seen)] >= 300);
    MESSAGE(counts[static_cast<std::size_t>(DiscoveryState::seen)], " processes, rule ", describe(rule),
            ": first scan ", first_ms, " ms CPU, a poll ", poll_ms, " ms");
  }
  for (Child& child : children) kill(child.pid(), SIGKILL);
}
