// SPDX-License-Identifier: Apache-2.0
// What sampling says of itself, for the control API and for metrics: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sampling/options.h"
#include "sampling/table.h"

namespace weft {

// What holds now for whom.
struct SamplingView {
  struct Service {
    std::string name;
    ServicePlan plan;
  };
  SamplingOptions options;
  double ratio = 1;  // of services that nothing names
  std::string source;
  std::vector<Service> services;  // by name: those that were traced since the start or have a ratio set by hand
  std::vector<std::string> problems;
};

struct KeepCounters {
  std::map<std::string, std::uint64_t> kept;     // traces by rule: "error", "slow", "slow_p99", "status"
  std::map<std::string, std::uint64_t> dropped;  // traces: "no_rule", "limit", "full", "too_long"
  std::size_t waiting = 0;                       // traces
};

struct RemoteSamplingState {
  std::uint64_t answers = 0, failures = 0;
  std::uint64_t last_answer_unix_ns = 0;  // 0: none yet
  std::string last_error;                 // "" when the last question was answered
};

struct SamplingReport {
  SamplingView view;
  KeepCounters keep;
  RemoteSamplingState remote;
};

}  // namespace weft
