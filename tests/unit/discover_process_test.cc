// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "discover/language.h"
#include "discover/listening_ports.h"
#include "discover/process_info.h"
#include "unit/discover_fake_proc.h"

using namespace weft;
using namespace weft::test;

TEST_CASE("process: what is read of it") {
  FakeProc proc;
  const std::string id(64, 'c');
  proc.put({.pid = 42,
            .exe = "/usr/bin/python3.11",
            .args = {"python3", "orders.py", "--port", "80"},
            .parent = 7,
            .start = 123456,
            .comm = "od (d) ) name",
            .cgroup = "0::/system.slice/docker-" + id + ".scope\n",
            .net_namespace = 11,
            .pid_namespace = 12});
  const ProcFiles files(proc.root());
  const ProcessReader reader(files, nullptr);
  auto info = reader.read(42);
  REQUIRE(info);
  reader.read_container(*info);
  reader.read_network(*info);
  CHECK(info->executable == "/usr/bin/python3.11");
  CHECK_FALSE(info->executable_deleted);
  CHECK(info->comm == "od (d) ) name");
  CHECK(info->parent == 7);
  CHECK(info->start_ticks == 123456);
  CHECK(info->command_line() == "python3 orders.py --port 80");
  CHECK(info->container_id == id);
  CHECK(info->net_namespace == 11);
  CHECK(info->pid_namespace == 12);
  CHECK(info->environment.otel_service_name.empty());
}

TEST_CASE("process: a replaced executable keeps its name") {
  FakeProc proc;
  proc.put({.pid = 42, .exe = "/usr/sbin/nginx (deleted)", .args = {"nginx"}});
  const ProcFiles files(proc.root());
  const auto info = ProcessReader(files, nullptr).read(42);
  REQUIRE(info);
  CHECK(info->executable == "/usr/sbin/nginx");
  CHECK(info->executable_deleted);
}

TEST_CASE("process: what an argument like /dev/fd/3 stands for, as long as it can be a program") {
  namespace fs = std::filesystem;
  FakeProc proc;
  proc.put({.pid = 42, .exe = "/usr/bin/python3.11", .args = {"/usr/bin/python3", "/dev/fd/3"}});
  const std::string script = proc.root() + "/orders.py";
  std::ofstream(script) << "#!/usr/bin/python3\n";
  fs::permissions(script, fs::perms::owner_all);
  const ProcFiles files(proc.root());
  const ProcessReader reader(files, nullptr);
  CHECK(reader.read(42)->descriptor_file.empty());  // closed
  fs::create_symlink(script, proc.directory(42) / "fd/3");
  CHECK(reader.read(42)->descriptor_file == script);
  fs::permissions(script, fs::perms::owner_read);  // as a log file that got the number since
  CHECK(reader.read(42)->descriptor_file.empty());
}

TEST_CASE("process: kernel threads, ended and half readable processes are no errors") {
  FakeProc proc;
  const ProcFiles files(proc.root());
  const ProcessReader reader(files, nullptr);
  CHECK_FALSE(reader.read(4711));
  proc.put({.pid = 5, .exe = "", .args = {}});  // a kernel thread has no exe
  CHECK_FALSE(reader.read(5));
  proc.put({.pid = 6, .exe = "/bin/x", .args = {"x"}});
  std::filesystem::remove(proc.directory(6) / "stat");
  CHECK_FALSE(reader.read(6));
  proc.put({.pid = 7, .exe = "/bin/x", .args = {"x"}});
  for (const char* name : {"cmdline", "cgroup", "ns/net", "ns/pid"}) std::filesystem::remove(proc.directory(7) / name);
  auto bare = reader.read(7);
  REQUIRE(bare);
  CHECK(bare->args.empty());
  reader.read_container(*bare);
  reader.read_network(*bare);
  CHECK(bare->container_id.empty());
  CHECK(bare->net_namespace == 0);
}

TEST_CASE("process: of the environment only what tracing needs is kept, and no values of exporter settings") {
  FakeProc proc;
  proc.put({.pid = 42,
            .exe = "/bin/x",
            .args = {"x"},
            .environment = {"PATH=/bin", "OTEL_SERVICE_NAME=orders", "DB_PASSWORD=hunter2",
                            "OTEL_RESOURCE_ATTRIBUTES=service.version=1.2", "OTEL_EXPORTER_OTLP_HEADERS=token=hunter3",
                            "XOTEL_SERVICE_NAME=wrong", "OTEL_SERVICE_NAMES=wrong", "novalue",
                            "OTEL_TRACES_EXPORTER=otlp"}});
  const ProcFiles files(proc.root());
  const ProcessReader reader(files, nullptr);
  auto info = *reader.read(42);
  reader.read_environment(info);
  CHECK(info.environment.otel_service_name == "orders");
  CHECK(info.environment.otel_resource_attributes == "service.version=1.2");
  CHECK(info.environment.exporter_names ==
        std::vector<std::string>{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_EXPORTER"});
  CHECK_FALSE(info.environment.gunicorn_cmd_args);
}

TEST_CASE("process: a long command line and environment are read whole, a rewritten title is cleaned") {
  FakeProc proc;
  const std::string classpath(20'000, 'c');
  proc.put({.pid = 42,
            .exe = "/usr/bin/java",
            .args = {"java", "-cp", classpath, "com.acme.Main"},
            .environment = {"BIG=" + std::string(50'000, 'e'), "OTEL_SERVICE_NAME=late"}});
  const ProcFiles files(proc.root());
  const ProcessReader reader(files, nullptr);
  auto info = *reader.read(42);
  REQUIRE(info.args.size() == 4);
  CHECK(info.args[3] == "com.acme.Main");
  reader.read_environment(info);
  CHECK(info.environment.otel_service_name == "late");
  std::ofstream(proc.directory(42) / "cmdline", std::ios::binary) << "nginx: worker process" << std::string(30, '\0');
  CHECK(reader.read(42)->args == std::vector<std::string>{"nginx: worker process"});
}

TEST_CASE("ports: listening sockets of the process itself, IPv4 and IPv6") {
  FakeProc proc;
  proc.put({.pid = 42, .exe = "/bin/x", .args = {"x"}, .sockets = {1001, 1002, 1002, 1004}});
  proc.listen(42, {{8080, 1001}, {9000, 1003}, {5000, 1004, "01"}});
  proc.listen(42, {{8443, 1002}}, "tcp6");
  const ProcFiles files(proc.root());
  ListeningPorts ports(files);
  const auto info = *ProcessReader(files, nullptr).read(42);
  CHECK(ports.of(info, {{1, 65535}}) == std::vector<std::uint16_t>{8080, 8443});
  CHECK(ports.of(info, {{8443, 8443}}) == std::vector<std::uint16_t>{8443});
  CHECK(ports.of(info, {{9000, 9000}}).empty());  // of another process in the same namespace
  CHECK(ports.of(info, {{5000, 5000}}).empty());  // established, not listening
}

TEST_CASE("ports: one table a namespace until it is renewed, and a change is noticed") {
  FakeProc proc;
  proc.put({.pid = 42, .exe = "/bin/x", .args = {"x"}, .sockets = {1001, 1002}});
  proc.put({.pid = 43, .exe = "/bin/x", .args = {"x"}, .net_namespace = 99, .sockets = {1001}});
  proc.listen(42, {{8080, 1001}});
  const ProcFiles files(proc.root());
  ListeningPorts ports(files);
  auto info = *ProcessReader(files, nullptr).read(42);
  auto elsewhere = *ProcessReader(files, nullptr).read(43);
  ProcessReader(files, nullptr).read_network(info);
  ProcessReader(files, nullptr).read_network(elsewhere);
  CHECK(ports.of(info, {{1, 65535}}).size() == 1);
  CHECK(ports.of(elsewhere, {{1, 65535}}).empty());  // its namespace has no table at all
  proc.listen(42, {{8080, 1001}, {8081, 1002}});
  CHECK(ports.of(info, {{1, 65535}}).size() == 1);
  ports.renew();
  CHECK(ports.changed(42, info.net_namespace));
  CHECK(ports.of(info, {{1, 65535}}).size() == 2);
  ports.renew();
  CHECK_FALSE(ports.changed(42, info.net_namespace));
}

TEST_CASE("ports: a long table is read past its first piece while it lists listeners") {
  FakeProc proc;
  proc.put({.pid = 42, .exe = "/bin/x", .args = {"x"}, .sockets = {901}});
  std::vector<FakeProc::Socket> sockets;
  for (std::uint64_t i = 0; i < 1000; ++i) sockets.push_back({static_cast<std::uint16_t>(1000 + i), i + 1});
  proc.listen(42, sockets);
  const ProcFiles files(proc.root());
  ListeningPorts ports(files);
  CHECK(ports.of(*ProcessReader(files, nullptr).read(42), {{1900, 1900}}) == std::vector<std::uint16_t>{1900});
}
