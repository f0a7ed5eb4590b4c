// SPDX-License-Identifier: Apache-2.0
#include "sampling/controller.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/glob.h"
#include "sampling/pattern.h"

namespace weft {
namespace {

constexpr std::size_t kMostRules = 64;  // of one service

bool names(const std::string& pattern, const std::string& service) {
  return pattern.empty() || glob_match(pattern, service);
}

bool names_service_alone(const SamplingRule& rule) {
  return rule.method.empty() && (rule.path.empty() || rule.path == "*");
}

std::string source_of(const SamplingOptions& options) {
  if (options.sampler == "always_on" || options.sampler == "parentbased_always_on") return options.sampler;
  if (options.sampler == "always_off" || options.sampler == "parentbased_always_off") return options.sampler;
  return "sampling.arg";
}

bool reports_all(const KeepOptions& keep, const std::string& service) {
  return keep.any_rule() && std::ranges::any_of(keep.services, [&](const auto& name) { return names(name, service); });
}

}  // namespace

void SamplingController::add_default(ServicePlan& plan) const {
  plan.ratio = ratio_by_hand_.value_or(options_.ratio);
  plan.source = ratio_by_hand_ ? "set by hand" : source_of(options_);
}

void SamplingController::add_remote(const std::string& service, ServicePlan& plan) const {
  const auto known = remote_.find(service);
  if (!options_.remote || known == remote_.end()) return add_default(plan);
  const RemoteStrategy& strategy = known->second;
  plan.rules.insert(plan.rules.end(), strategy.operations.begin(), strategy.operations.end());
  plan.ratio = strategy.ratio;
  plan.max_per_second = strategy.max_per_second;
  plan.min_per_second = strategy.min_per_second;
  plan.source = "jaeger_remote";
}

ServicePlan SamplingController::plan_for(const std::string& service) const {
  ServicePlan plan;
  plan.report_all = reports_all(options_.keep, service);
  for (const auto& route : raised_)
    if (route.service == service) plan.rules.push_back({route.method, route.route, route.ratio, "adaptive"});
  const auto by_hand = ratios_by_hand_.find(service);
  for (std::size_t i = 0; i < options_.rules.size(); ++i) {
    const SamplingRule& rule = options_.rules[i];
    if (!names(rule.service, service)) continue;
    const std::string source = "rule " + std::to_string(i + 1);
    if (!names_service_alone(rule)) {
      plan.rules.push_back({rule.method, rule.path, rule.ratio, source});
    } else if (by_hand == ratios_by_hand_.end()) {
      plan.ratio = rule.ratio;
      plan.source = source;
      return plan;
    }
  }
  if (by_hand != ratios_by_hand_.end()) {
    plan.ratio = by_hand->second;
    plan.source = "set by hand";
  } else {
    add_remote(service, plan);
  }
  if (plan.rules.size() > kMostRules) plan.rules.resize(kMostRules);
  return plan;
}

// Of a service whose name is not known: what names no service.
ServicePlan SamplingController::plan_for_others() const {
  ServicePlan plan;
  plan.report_all = reports_all(options_.keep, "");
  for (std::size_t i = 0; i < options_.rules.size(); ++i) {
    const SamplingRule& rule = options_.rules[i];
    if (!names(rule.service, "")) continue;
    const std::string source = "rule " + std::to_string(i + 1);
    if (names_service_alone(rule)) {
      plan.ratio = rule.ratio;
      plan.source = source;
      return plan;
    }
    plan.rules.push_back({rule.method, rule.path, rule.ratio, source});
  }
  add_default(plan);
  return plan;
}

Result<void> SamplingController::publish() {
  std::map<std::uint32_t, ServicePlan> plans;
  for (const auto& [service, number] : numbers_)
    if (number != 0) plans.emplace(number, plan_for(service));
  auto compiled = compile_sampling(plans, plan_for_others(),
                                   {.ignore_parent = !options_.parent_based, .tell = options_.write_threshold});
  problems_ = std::move(compiled.problems);
  return publish_(*compiled.table);
}

std::uint32_t SamplingController::number_of(const std::string& service) {
  const std::lock_guard lock(mutex_);
  const auto known = numbers_.find(service);
  if (known != numbers_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(numbers_.size() + 1);
  if (number >= SAMPLING_SERVICES) return 0;
  numbers_.emplace(service, number);
  // A swap waits for every program that still reads the old table: only when this service is not as any other.
  if (plan_for(service) != plan_for_others()) {
    if (auto done = publish(); !done) problems_.push_back(done.error().message);
  }
  return number;
}

std::vector<std::string> SamplingController::services() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  names.reserve(numbers_.size());
  for (const auto& [service, number] : numbers_) names.push_back(service);
  return names;
}

Result<void> SamplingController::configure(SamplingOptions options) {
  const std::lock_guard lock(mutex_);
  if (!same_ratios(options, options_)) {
    ratio_by_hand_.reset();
    ratios_by_hand_.clear();
  }
  if (!options.remote || options.jaeger_remote.endpoint != options_.jaeger_remote.endpoint) remote_.clear();
  if (!options.adaptive.enabled()) raised_.clear();
  options_ = std::move(options);
  return publish();
}

Result<void> SamplingController::set_ratio(std::optional<double> ratio, const std::string& service) {
  if (ratio && !(*ratio >= 0 && *ratio <= 1)) return fail("a ratio is between 0 and 1");
  const std::lock_guard lock(mutex_);
  if (service.empty())
    ratio_by_hand_ = ratio;
  else if (ratio)
    ratios_by_hand_[service] = *ratio;
  else
    ratios_by_hand_.erase(service);
  return publish();
}

Result<void> SamplingController::set_remote(const std::string& service, RemoteStrategy strategy) {
  const std::lock_guard lock(mutex_);
  const auto known = remote_.find(service);
  if (known != remote_.end() && known->second == strategy) return {};
  remote_[service] = std::move(strategy);
  return publish();
}

Result<void> SamplingController::set_raised(std::vector<RaisedRoute> raised) {
  const std::lock_guard lock(mutex_);
  if (raised == raised_) return {};
  raised_ = std::move(raised);
  return publish();
}

SamplingView SamplingController::view() const {
  const std::lock_guard lock(mutex_);
  SamplingView view;
  view.options = options_;
  const ServicePlan others = plan_for_others();
  view.ratio = others.ratio;
  view.source = others.source;
  std::set<std::string> known;
  for (const auto& [service, number] : numbers_) known.insert(service);
  for (const auto& [service, ratio] : ratios_by_hand_) known.insert(service);
  for (const auto& service : known) view.services.push_back({service, plan_for(service)});
  view.problems = problems_;
  return view;
}

SamplingOptions SamplingController::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

double SamplingController::base_ratio(const std::string& service, const std::string& method,
                                      const std::string& route) const {
  const std::lock_guard lock(mutex_);
  ServicePlan plan = plan_for(service);
  std::erase_if(plan.rules, [](const PlannedRule& rule) { return rule.source == "adaptive"; });
  return planned_ratio(plan, method, route);
}

}  // namespace weft
