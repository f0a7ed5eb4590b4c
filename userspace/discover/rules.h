// SPDX-License-Identifier: Apache-2.0
// What the user asks of discovery, as plain values: the `discovery` section of the configuration and the parts of
// `propagation` that are decided per process. Filled by whoever reads the configuration; discovery reads no files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/kernel.h"

namespace weft {

enum class Language : std::uint8_t { unknown, go, python, node, java, cpp, perl, php, ruby, dotnet };

std::string_view language_name(Language language);              // "go"; "" when unknown
std::optional<Language> parse_language(std::string_view name);  // also "nodejs", "c++", "rust" (as cpp), ".net"

// Both ends belong to the range.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool operator==(const PortRange&) const = default;
};

// One entry of discovery.instrument or discovery.exclude. Every given (non-empty) key must match; an entry with no
// condition at all matches nothing.
struct InstrumentRule {
  // Conditions. Globs: * any characters (also '/'), ? one character, [a-z] a class.
  std::string exe_path;               // on the resolved executable
  std::string cmd_args;               // on the command line, its arguments joined by one space
  std::vector<PortRange> open_ports;  // any of the process's listening TCP ports
  std::vector<Language> languages;
  std::vector<pid_t> target_pids;
  bool containers_only = false;

  // What is true of the processes that match (instrument only).
  std::string service_name;       // `name`
  std::string service_namespace;  // `namespace`
  std::string environment;
  TaskRule task = TaskRule::automatic;

  bool operator==(const InstrumentRule&) const = default;
};

struct DiscoveryRules {
  std::vector<InstrumentRule> instrument;
  std::vector<InstrumentRule> exclude;  // wins over instrument; added to the built-in list
  bool exclude_otel_instrumented = true;
  std::uint64_t poll_interval_ns = 1'000'000'000;
  std::vector<std::string> never_enrol;  // propagation.never_enrol: globs on the resolved executable
  bool orphans_root = true;              // propagation.orphans
  bool fionread_broken = false;          // KernelReport: the built-in never_enrol list counts only then
};

}  // namespace weft
