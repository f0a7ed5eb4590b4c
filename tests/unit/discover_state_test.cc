// SPDX-License-Identifier: Apache-2.0
// The state machine under what happens by itself: scans, process events, evidence.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "unit/discover_fake_proc.h"

using namespace weft;
using namespace weft::test;
using Pids = std::set<pid_t>;

namespace {

FakeProcess python(pid_t pid, const std::string& script, pid_t parent = 1) {
  return {.pid = pid, .exe = "/usr/bin/python3.11", .args = {"python3", script}, .parent = parent};
}
const InstrumentRule kOrders{.cmd_args = "*orders.py*", .service_namespace = "shop"};

}  // namespace

TEST_CASE("state: the first scan finds what runs, with its children, whatever the order of their pids") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.proc.put({.pid = 20, .exe = "/bin/worker", .args = {"worker"}, .parent = 30, .start = 101});
  scene.proc.put({.pid = 10, .exe = "/bin/helper", .args = {"helper"}, .parent = 20, .start = 101});
  scene.proc.put(python(40, "stock.py"));
  scene.proc.put({.pid = 2, .exe = "", .args = {}});
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{10, 20, 30});
  CHECK(scene.row(30).state == DiscoveryState::traced);
  CHECK(scene.row(30).service == "orders");
  CHECK(scene.row(30).language == "python");
  CHECK(scene.row(30).reason == "cmd_args *orders.py* (instrument entry 1)");
  CHECK(scene.row(20).reason == "its parent 30 matches cmd_args *orders.py*");
  CHECK(scene.row(40).state == DiscoveryState::seen);
  CHECK(scene.row(40).reason == "no discovery.instrument entry matches it");
  CHECK(scene.row(2).pid == 0);  // kernel threads are not listed
  CHECK(scene.resources.of(30)->attributes.text("service.namespace") == "shop");
  CHECK(scene.resources.of(20)->service_name == "worker");
  CHECK(scene.discoverer.counts() == std::array<std::size_t, 4>{3, 0, 0, 2});
}

TEST_CASE("state: scans that find nothing new tell the target nothing") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  const int calls = scene.target.calls;
  scene.discoverer.scan();
  scene.discoverer.scan();
  CHECK(scene.target.calls == calls);
}

TEST_CASE("state: poll scans when its interval has passed, finds newcomers and the dead") {
  Scene scene(instrument({kOrders}));
  scene.discoverer.scan();
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.poll();
  CHECK(scene.target.pids().empty());
  scene.clock.monotonic += 1'000'000'000;
  scene.discoverer.poll();
  CHECK(scene.target.pids() == Pids{30});
  scene.proc.end(30);
  scene.clock.monotonic += 1'000'000'000;
  scene.discoverer.poll();
  CHECK(scene.target.pids().empty());
  CHECK(scene.row(30).pid == 0);
  CHECK(scene.resources.of(30)->service_name == "orders");  // its last spans are still on the way
}

TEST_CASE("state: a pid that is used again is another process") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  auto other = python(30, "stock.py");
  other.start = 900;
  scene.proc.put(other);
  scene.discoverer.scan();
  CHECK(scene.target.pids().empty());
  CHECK(scene.row(30).service == "stock");
  CHECK(scene.row(30).state == DiscoveryState::seen);
}

TEST_CASE("state: an exec event looks at the program anew, a scan notices another file") {
  Scene scene(instrument({kOrders}));
  scene.proc.put({.pid = 30, .exe = "/bin/sh", .args = {"sh"}});
  scene.discoverer.scan();
  scene.proc.exec(python(30, "orders.py"));
  scene.discoverer.on_change(30, ProcessChange::exec);
  CHECK(scene.target.pids() == Pids{30});
  CHECK(scene.resources.of(30)->service_name == "orders");
  const int calls = scene.target.calls;  // what is attached to the old program has to be attached to the new one
  scene.discoverer.on_change(30, ProcessChange::exec);
  CHECK(scene.target.calls == calls + 1);
  scene.proc.exec({.pid = 30, .exe = "/bin/true", .args = {"true"}});
  scene.discoverer.scan();
  CHECK(scene.target.pids().empty());
  CHECK(scene.row(30).service == "true");
  scene.proc.exec(python(30, "orders.py"));
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30});
}

TEST_CASE("state: a new process is known by its exec event alone; one that is gone already is no error") {
  Scene scene(instrument({kOrders}));
  scene.discoverer.on_change(30, ProcessChange::exec);
  scene.proc.put(python(31, "orders.py"));
  scene.discoverer.on_change(31, ProcessChange::exec);
  CHECK(scene.target.pids() == Pids{31});
  scene.discoverer.on_change(31, ProcessChange::exit);
  CHECK(scene.target.pids().empty());
  CHECK(scene.resources.of(31)->service_name == "orders");
}

TEST_CASE("state: a forked child is traced like its parent, also through an exec and after the parent's end") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  scene.proc.put({.pid = 31, .exe = "/usr/bin/python3.11", .args = {"python3", "x"}, .parent = 30});
  scene.discoverer.on_change(31, ProcessChange::fork, 30);
  CHECK(scene.target.pids() == Pids{30, 31});
  scene.discoverer.on_change(30, ProcessChange::exit);
  scene.proc.end(30);
  scene.proc.exec({.pid = 31, .exe = "/bin/worker", .args = {"worker"}});
  scene.discoverer.on_change(31, ProcessChange::exec);
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{31});
  CHECK(scene.row(31).service == "worker");
}

TEST_CASE("state: exclusions win over entries and over ancestors") {
  DiscoveryRules rules = instrument({exe_rule("*")});
  rules.exclude = {{.cmd_args = "*stock*"}};
  Scene scene(rules);
  scene.proc.put(python(30, "orders.py"));
  scene.proc.put(python(31, "stock.py", 30));
  scene.proc.put({.pid = 32, .exe = "/opt/otelcol-contrib", .args = {"otelcol-contrib"}, .parent = 30});
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{1, 30});
  CHECK(scene.row(31).state == DiscoveryState::refused);
  CHECK(scene.row(31).reason == "excluded by cmd_args *stock* (exclude entry 1)");
  CHECK(scene.row(32).reason == "excluded by default: it is a collector");
}

TEST_CASE("state: a port counts from the listen event on, or from the next scan") {
  Scene scene(instrument({{.open_ports = {{8080, 8089}}}}));
  scene.proc.put(python(30, "a.py"));
  auto late = python(31, "b.py");
  late.sockets = {1001};
  scene.proc.put(late);
  scene.discoverer.scan();
  CHECK(scene.target.pids().empty());
  scene.discoverer.on_change(30, ProcessChange::listen, 0, 9000);
  CHECK(scene.target.pids().empty());
  scene.discoverer.on_change(30, ProcessChange::listen, 0, 8081);
  CHECK(scene.target.pids() == Pids{30});
  for (const pid_t pid : {1, 30, 31}) scene.proc.listen(pid, {{8085, 1001}});
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30, 31});
}

TEST_CASE("state: settings of a process") {
  DiscoveryRules rules = instrument({{.exe_path = "*", .task = TaskRule::thread}});
  rules.orphans_root = false;
  rules.never_enrol = {"/opt/fragile*"};
  rules.fionread_broken = true;
  Scene scene(rules);
  scene.proc.put({.pid = 30, .exe = "/usr/sbin/nginx", .args = {"nginx: worker process"}});
  scene.proc.put({.pid = 31, .exe = "/usr/sbin/apache2", .args = {"apache2", "-k", "start"}});
  scene.proc.put({.pid = 32, .exe = "/opt/fragile-1", .args = {"fragile"}});
  scene.discoverer.scan();
  CHECK(scene.target.traced[30].never_enrol);
  CHECK(
      scene.row(30).reason ==
      "exe_path * (instrument entry 1); observed only: it is known to ask FIONREAD, which this kernel answers wrongly "
      "on sockets that weft changes");
  CHECK_FALSE(scene.target.traced[31].never_enrol);
  CHECK(scene.target.traced[31].blocking_known);
  CHECK_FALSE(scene.target.traced[30].blocking_known);
  CHECK(scene.target.traced[31].task == TaskRule::thread);
  CHECK_FALSE(scene.target.traced[31].orphans_root);
  CHECK(scene.target.traced[32].never_enrol);

  rules.fionread_broken = false;
  scene.discoverer.set_rules(rules);
  CHECK_FALSE(scene.target.traced[30].never_enrol);
  scene.discoverer.saw_fionread(31);
  CHECK(scene.target.traced[31].never_enrol);
  CHECK(
      scene.row(31).reason.ends_with("observed only: it asked FIONREAD, which this kernel answers wrongly on sockets "
                                     "that weft changes"));
}

TEST_CASE("state: who speaks Kafka is told of traced processes, now and then") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.proc.put(python(31, "other.py"));
  scene.clock.monotonic = 1'000'000'000;
  scene.discoverer.scan();
  for (const pid_t pid : {30, 30, 31, 32}) scene.discoverer.saw_kafka(pid);
  CHECK(scene.target.kafka == std::vector<pid_t>{30});
  scene.clock.monotonic += 1'000'000'000;
  scene.discoverer.saw_kafka(30);
  CHECK(scene.target.kafka == std::vector<pid_t>{30, 30});
}

TEST_CASE("state: a process that makes its own spans is measured only, until it executes something else") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  scene.discoverer.saw_spans_sent(30, "OTLP");
  CHECK(scene.target.traced[30].instrumented);
  CHECK(scene.resources.instrumented(30));
  CHECK(scene.row(30).state == DiscoveryState::instrumented);
  CHECK(scene.row(30).reason == "it makes its own spans: it sends spans (OTLP)");
  scene.discoverer.on_change(30, ProcessChange::exec);
  CHECK_FALSE(scene.target.traced[30].instrumented);
  CHECK_FALSE(scene.resources.instrumented(30));
}

TEST_CASE("state: who receives spans sends those of others, whichever is seen first") {
  Scene scene(instrument({kOrders}));
  for (const pid_t pid : {30, 31}) scene.proc.put(python(pid, "orders.py"));
  scene.discoverer.scan();
  scene.discoverer.saw_spans_taken(30);
  scene.discoverer.saw_spans_sent(30, "OTLP");
  CHECK(scene.row(30).state == DiscoveryState::traced);
  scene.discoverer.saw_spans_sent(31, "OTLP");
  CHECK(scene.row(31).state == DiscoveryState::instrumented);
  for (int time = 0; time < 2; ++time) {
    scene.discoverer.saw_spans_taken(31);
    CHECK(scene.row(31).state == DiscoveryState::instrumented);  // that may have been a stranger's
  }
  scene.discoverer.saw_spans_taken(31);
  CHECK_FALSE(scene.target.traced[31].instrumented);
  CHECK_FALSE(scene.resources.instrumented(31));
  CHECK(scene.row(31).state == DiscoveryState::traced);
  scene.discoverer.on_change(31, ProcessChange::exec);
  scene.discoverer.saw_spans_sent(31, "OTLP");
  CHECK(scene.row(31).state == DiscoveryState::instrumented);
}

TEST_CASE("state: a process whose calls carry ids that it made itself makes spans, also when it receives some") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  for (std::uint8_t i = 1; i <= 3; i++) {
    SeenRequest call{.pid = 30, .outgoing = true, .parent = {}, .foreign_parent = true};
    call.parent.bytes[0] = i;
    scene.discoverer.saw_request(call);
  }
  REQUIRE(scene.row(30).state == DiscoveryState::instrumented);
  for (int time = 0; time < 3; ++time) scene.discoverer.saw_spans_taken(30);
  CHECK(scene.row(30).state == DiscoveryState::instrumented);
}

TEST_CASE("state: exclude_otel_instrumented false leaves such processes to weft") {
  DiscoveryRules rules = instrument({kOrders});
  rules.exclude_otel_instrumented = false;
  Scene scene(rules);
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  scene.discoverer.saw_spans_sent(30, "OTLP");
  CHECK_FALSE(scene.target.traced[30].instrumented);
  CHECK(scene.row(30).state == DiscoveryState::traced);
}

TEST_CASE("state: exporter settings in the environment alone are no proof") {
  Scene scene(instrument({kOrders}));
  auto process = python(30, "orders.py");
  process.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"};
  scene.proc.put(process);
  scene.discoverer.scan();
  CHECK(scene.row(30).state == DiscoveryState::traced);
}

TEST_CASE("state: a target without room is asked again later") {
  Scene scene(instrument({kOrders}));
  scene.clock.monotonic = 5;
  scene.proc.put(python(30, "orders.py"));
  scene.target.full = true;
  scene.discoverer.scan();
  CHECK(scene.row(30).state == DiscoveryState::refused);
  CHECK(scene.row(30).reason == "no room for another process");
  scene.target.full = false;
  scene.discoverer.scan();
  CHECK(scene.target.pids().empty());
  scene.clock.monotonic += 30'000'000'000;
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30});
}

TEST_CASE("state: an unreadable /proc is no proof that everything has ended") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  const std::filesystem::path root = scene.proc.root();
  std::filesystem::rename(root, root.string() + ".away");
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30});
  std::filesystem::rename(root.string() + ".away", root);
}

TEST_CASE("state: rules that ask for containers and languages have them read") {
  const InstrumentRule rule{.languages = {Language::python}, .containers_only = true};
  Scene scene(instrument({rule}));
  auto contained = python(30, "orders.py");
  contained.cgroup = "0::/system.slice/docker-" + std::string(64, 'b') + ".scope\n";
  scene.proc.put(contained);
  scene.proc.put(python(31, "orders.py"));
  auto other = contained;
  other.pid = 32;
  other.exe = "/usr/bin/node";
  scene.proc.put(other);
  scene.discoverer.scan();
  CHECK(scene.target.pids() == Pids{30});
  CHECK(scene.resources.of(30)->attributes.text("container.id") == std::string(64, 'b'));
}

TEST_CASE("state: polls come round to every process that executes another file") {
  Scene scene(instrument({kOrders}));
  for (pid_t pid = 30; pid < 46; ++pid) scene.proc.put({.pid = pid, .exe = "/bin/sh", .args = {"sh"}});
  scene.discoverer.scan();
  for (pid_t pid = 30; pid < 46; ++pid) scene.proc.exec(python(pid, "orders.py"));
  for (int i = 0; i < 8; ++i) {
    scene.clock.monotonic += 1'000'000'000;
    scene.discoverer.poll();
  }
  CHECK(scene.target.pids().size() == 16);
}

TEST_CASE("state: a fork event for a child that a scan has found already changes nothing for it") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.proc.put({.pid = 31, .exe = "/bin/worker", .args = {"worker"}, .parent = 30});
  scene.discoverer.scan();
  scene.target.untraced.clear();
  scene.discoverer.on_change(31, ProcessChange::fork, 30);
  CHECK(scene.target.untraced.empty());
  CHECK(scene.target.pids() == Pids{30, 31});
  auto reused = python(31, "stock.py");
  reused.start = 900;
  scene.proc.put(reused);
  scene.discoverer.on_change(31, ProcessChange::fork, 1);
  CHECK(scene.target.untraced == Pids{31});
  CHECK(scene.target.pids() == Pids{30});
}

TEST_CASE("state: a thread-per-request server keeps its rule in workers with a rewritten title") {
  Scene scene(instrument({{.cmd_args = "*gunicorn*"}}));
  FakeProcess master{.pid = 30, .exe = "/usr/bin/python3.11", .args = {"python3", "/usr/bin/gunicorn", "app:app"}};
  scene.proc.put(master);
  scene.discoverer.scan();
  FakeProcess worker{.pid = 31, .exe = "/usr/bin/python3.11", .args = {"gunicorn: worker [app:app]"}, .parent = 30};
  scene.proc.put(worker);
  scene.discoverer.on_change(31, ProcessChange::fork, 30);
  CHECK(scene.target.traced[31].blocking_known);
  scene.discoverer.set_rules(instrument({{.cmd_args = "*gunicorn*", .service_name = "shop"}}));
  CHECK(scene.target.traced[31].blocking_known);
  scene.discoverer.on_change(31, ProcessChange::exec);
  CHECK_FALSE(scene.target.traced[31].blocking_known);
}

TEST_CASE("state: a child that has ended before it is looked at leaves its name") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.proc.put({.pid = 40, .exe = "/bin/sh", .args = {"sh"}});
  scene.discoverer.scan();
  // Neither is there any more when its events are read.
  scene.discoverer.on_change(31, ProcessChange::fork, 30, 0, "python3");
  CHECK(scene.resources.of(31)->service_name == "orders");
  scene.discoverer.on_change(31, ProcessChange::exec, 30, 0, "curl");
  CHECK(scene.resources.of(31)->service_name == "curl");
  scene.discoverer.on_change(31, ProcessChange::exit);
  CHECK(scene.resources.of(31)->service_name == "curl");
  CHECK(scene.target.pids() == Pids{30});
  // Whose parent is not traced makes no spans.
  scene.discoverer.on_change(41, ProcessChange::exec, 40, 0, "curl");
  CHECK(scene.resources.of(41) == nullptr);
}

TEST_CASE("state: a child that is seen as its parent's program and ended as another has the other's name") {
  Scene scene(instrument({kOrders}));
  scene.proc.put(python(30, "orders.py"));
  scene.discoverer.scan();
  scene.proc.put({.pid = 31, .exe = "/usr/bin/python3.11", .args = {"python3", "orders.py"}, .parent = 30});
  scene.discoverer.on_change(31, ProcessChange::fork, 30, 0, "python3");
  CHECK(scene.resources.of(31)->service_name == "orders");
  scene.proc.end(31);
  scene.discoverer.on_change(31, ProcessChange::exec, 30, 0, "curl");
  CHECK(scene.resources.of(31)->service_name == "curl");
}
