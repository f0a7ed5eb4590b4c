// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "discover/matcher.h"
#include "unit/discover_fake_proc.h"

using namespace weft;
using namespace weft::test;

namespace {

ProcessInfo orders() {
  ProcessInfo info;
  info.pid = 42;
  info.executable = "/usr/bin/python3.11";
  info.args = {"python3", "orders.py", "--port", "8080"};
  info.language = Language::python;
  info.pid_namespace = 7;
  return info;
}

bool matches(const InstrumentRule& rule, const ProcessInfo& info = orders(), std::vector<std::uint16_t> open = {}) {
  const Matcher matcher(instrument({rule}), 7);
  return matcher
             .judge(info,
                    [&](const std::vector<PortRange>& wanted) {
                      std::vector<std::uint16_t> found;
                      for (const std::uint16_t port : open) {
                        for (const PortRange& range : wanted) {
                          if (range.first <= port && port <= range.last) found.push_back(port);
                        }
                      }
                      return found;
                    })
             .rule != nullptr;
}

}  // namespace

TEST_CASE("matcher: each key by itself") {
  CHECK(matches({.exe_path = "/usr/bin/python3*"}));
  CHECK_FALSE(matches({.exe_path = "/usr/bin/node"}));
  CHECK(matches({.cmd_args = "*orders.py*"}));
  CHECK(matches({.cmd_args = "python3 orders.py --port 8080"}));
  CHECK_FALSE(matches({.cmd_args = "orders.py"}));
  CHECK(matches({.open_ports = {{80, 80}, {8000, 8999}}}, orders(), {8080}));
  CHECK_FALSE(matches({.open_ports = {{80, 80}}}, orders(), {8080}));
  CHECK(matches({.languages = {Language::go, Language::python}}));
  CHECK_FALSE(matches({.languages = {Language::go}}));
  CHECK(matches({.target_pids = {1, 42}}));
  CHECK_FALSE(matches({.target_pids = {43}}));
}

TEST_CASE("matcher: containers by id or by a process namespace of their own") {
  CHECK_FALSE(matches({.containers_only = true}));
  ProcessInfo info = orders();
  info.container_id = std::string(64, 'a');
  CHECK(matches({.containers_only = true}, info));
  info = orders();
  info.pid_namespace = 8;
  CHECK(matches({.containers_only = true}, info));
  info.pid_namespace = 0;  // unreadable is no proof
  CHECK_FALSE(matches({.containers_only = true}, info));
}

TEST_CASE("matcher: within an entry all keys must match, an entry without conditions matches nothing") {
  CHECK(matches({.exe_path = "*python*", .cmd_args = "*orders*"}));
  CHECK_FALSE(matches({.exe_path = "*python*", .cmd_args = "*stock*"}));
  CHECK_FALSE(matches({}));
  CHECK_FALSE(matches({.service_name = "orders"}));
}

TEST_CASE("matcher: the first entry names, exclude wins, ports are asked only when the rest matches") {
  DiscoveryRules rules = instrument({{.exe_path = "/bin/no", .open_ports = {{1, 9}}},
                                     {.exe_path = "*python*", .service_name = "first"},
                                     {.exe_path = "*", .service_name = "second"}});
  int asked = 0;
  const PortLookup ports = [&asked](const std::vector<PortRange>&) {
    ++asked;
    return std::vector<std::uint16_t>{};
  };
  const Verdict verdict = Matcher(rules, 0).judge(orders(), ports);
  REQUIRE(verdict.rule != nullptr);
  CHECK(verdict.rule->service_name == "first");
  CHECK(verdict.rule_reason == "exe_path *python* (instrument entry 2)");
  CHECK(verdict.excluded == "");
  CHECK(asked == 0);

  rules.exclude = {{.cmd_args = "*orders*"}};
  CHECK(Matcher(rules, 0).judge(orders(), ports).excluded == "excluded by cmd_args *orders* (exclude entry 1)");
  rules.exclude = {{.cmd_args = "*stock*"}};
  CHECK(Matcher(rules, 0).judge(orders(), ports).excluded == "");
}

TEST_CASE("matcher: entries in the words of the configuration") {
  CHECK(describe({.exe_path = "/a*",
                  .open_ports = {{80, 80}, {90, 99}},
                  .languages = {Language::go, Language::cpp},
                  .containers_only = true}) == "exe_path /a*, languages go|cpp, open_ports 80,90-99, containers_only");
}
