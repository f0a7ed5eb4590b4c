// SPDX-License-Identifier: Apache-2.0
// Ratios and rules of all services -> the table that the kernel evaluates (bpf/wire/sampling.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "wire/sampling.h"

namespace weft {

// One rule of one service, in the order in which they are tried.
struct PlannedRule {
  std::string method;  // "" = any
  std::string path;    // "" = any
  double ratio = 1;
  std::string source;  // "rule 2", "jaeger_remote", "adaptive"
  bool operator==(const PlannedRule&) const = default;
};

// What holds for one service.
struct ServicePlan {
  std::vector<PlannedRule> rules;
  double ratio = 1;  // when no rule holds
  std::string source;
  double max_per_second = 0;  // traces; 0 = no limit
  double min_per_second = 0;  // traces are let through up to this rate, whatever the ratio; 0 = none
  bool report_all = false;    // keep rules look at this service
  bool operator==(const ServicePlan&) const = default;
};

struct CompiledSampling {
  std::unique_ptr<sampling_table> table;
  std::vector<std::string> problems;  // services whose rules found no room: they have the default plan's
};

// What holds for all services.
struct SamplingFlags {
  bool ignore_parent = false;  // a caller's decision is not taken over
  bool tell = false;           // the threshold of what is sampled goes along in tracestate
};

// Numbers of services are 1 … SAMPLING_SERVICES - 1; every number that `plans` has nothing for gets `other`.
CompiledSampling compile_sampling(const std::map<std::uint32_t, ServicePlan>& plans, const ServicePlan& other,
                                  SamplingFlags flags);

// What the kernel would find for a request by that plan: the very same machine runs.
double planned_ratio(const ServicePlan& plan, const std::string& method, const std::string& path);

}  // namespace weft
