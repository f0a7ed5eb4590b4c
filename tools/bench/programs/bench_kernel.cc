// SPDX-License-Identifier: Apache-2.0
// bench_kernel PID…: the kernel side alone, with every event thrown away just before the ring buffer. Says "tracing",
// ends at a line or end of file on stdin and prints what was counted as JSON.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kernel/kernel.h"

int main(int argc, char** argv) {
  weft::KernelOptions options;
  options.discard_events = true;
  options.late_at_need = true;  // nothing is verified beside what is measured
  auto kernel = weft::Kernel::load(options);
  if (!kernel) {
    std::cerr << kernel.error().message << '\n';
    return 3;
  }
  for (int i = 1; i < argc; i++) {
    if (const auto traced = (*kernel)->trace(std::atoi(argv[i]), {}); !traced) {
      std::cerr << argv[i] << ": " << traced.error().message << '\n';
      return 1;
    }
  }
  std::cout << "tracing" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  const weft::KernelCounters counters = (*kernel)->counters();
  std::map<std::string, std::uint64_t> injections;  // of all protocols
  for (const auto& [key, count] : counters.injections) injections[key.second] += count;
  nlohmann::json json = {{"injections", injections}, {"events", counters.events}, {"lost", counters.events_lost}};
  json["errors"] = nlohmann::json::object();
  for (const auto& [key, count] : counters.errors)
    if (count) json["errors"][key.program + ":" + key.reason] = count;
  std::cout << json.dump() << std::endl;
  return 0;
}
