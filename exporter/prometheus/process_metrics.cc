// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "exporter/prometheus/metric_builder.h"

namespace weft {
namespace {

struct ProcStat {
  std::uint64_t start_ticks = 0;  // since boot
  std::uint64_t resident_pages = 0;
};

// proc(5): the command name, field 2, may hold anything; what follows its last ')' are fields 3 and on.
ProcStat read_stat() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == text.npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  ProcStat stat;
  std::string field;
  for (int number = 3; number <= 24 && fields >> field; number++) {
    if (number == 22) stat.start_ticks = std::stoull(field);
    if (number == 24) stat.resident_pages = std::stoull(field);
  }
  return stat;
}

std::uint64_t boot_time_s() {
  std::ifstream file("/proc/stat");
  std::string word;
  std::uint64_t seconds = 0;
  while (file >> word)
    if (word == "btime" && file >> seconds) return seconds;
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(entries), end(entries)));
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  const ProcStat stat = read_stat();
  auto cpu = counter_family("process_cpu_seconds_total", "User and system CPU time of the agent.");
  add_counter(cpu, {}, cpu_seconds());
  auto memory = gauge_family("process_resident_memory_bytes", "Resident memory of the agent.");
  add_gauge(memory, {}, static_cast<double>(stat.resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  auto descriptors = gauge_family("process_open_fds", "Open file descriptors of the agent.");
  add_gauge(descriptors, {}, open_descriptors());
  auto start = gauge_family("process_start_time_seconds", "Start of the agent, Unix time.");
  add_gauge(start, {},
            static_cast<double>(boot_time_s()) +
                static_cast<double>(stat.start_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)));
  return {cpu, memory, descriptors, start};
}

}  // namespace weft
