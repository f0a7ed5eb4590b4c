// SPDX-License-Identifier: Apache-2.0
// What ratio holds for whom, out of configuration, orders by hand, a sampling server and what is seen of routes; and
// the one place from which the kernel gets it. Thread-safe.
//
// For a service, first match: routes whose ratio was raised (sampling.adaptive), rules of the configuration with a path
// or method, a ratio set by hand for it, rules that name the service alone, the sampling server's operations and ratio,
// a ratio set by hand for all, sampling.arg.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sampling/options.h"
#include "sampling/report.h"
#include "sampling/table.h"

namespace weft {

// What a sampling server said for one service.
struct RemoteStrategy {
  double ratio = 1;
  double max_per_second = 0;  // 0 = no limit
  double min_per_second = 0;
  std::vector<PlannedRule> operations;
  bool operator==(const RemoteStrategy&) const = default;
};

// A route whose ratio is raised for a while.
struct RaisedRoute {
  std::string service, method, route;
  double ratio = 1;
  bool operator==(const RaisedRoute&) const = default;
};

class SamplingController {
 public:
  // Hands a table to the kernel, as a whole. Called with the lock held.
  using Publish = std::function<Result<void>(const sampling_table&)>;

  // Nothing is published before configure().
  explicit SamplingController(Publish publish) : publish_(std::move(publish)) {}

  // The place of a service in the table, 0 when all are taken; what holds for it has reached the kernel on return.
  std::uint32_t number_of(const std::string& service);
  std::vector<std::string> services() const;

  // New configuration. Orders by hand are forgotten when what they replaced is another now.
  Result<void> configure(SamplingOptions options);
  // By hand; nullopt takes the order back. Without a service: for all that nothing names.
  Result<void> set_ratio(std::optional<double> ratio, const std::string& service);
  Result<void> set_remote(const std::string& service, RemoteStrategy strategy);
  Result<void> set_raised(std::vector<RaisedRoute> raised);

  SamplingView view() const;
  SamplingOptions options() const;
  // The ratio that holds for a route of a service, raised or not, without looking at limits.
  double base_ratio(const std::string& service, const std::string& method, const std::string& route) const;

 private:
  // All: REQUIRES mutex_ held.
  ServicePlan plan_for(const std::string& service) const;
  ServicePlan plan_for_others() const;
  void add_default(ServicePlan& plan) const;
  void add_remote(const std::string& service, ServicePlan& plan) const;
  Result<void> publish();

  mutable std::mutex mutex_;
  SamplingOptions options_;
  const Publish publish_;
  std::map<std::string, std::uint32_t> numbers_;
  std::optional<double> ratio_by_hand_;
  std::map<std::string, double> ratios_by_hand_;
  std::map<std::string, RemoteStrategy> remote_;
  std::vector<RaisedRoute> raised_;
  std::vector<std::string> problems_;
};

}  // namespace weft
