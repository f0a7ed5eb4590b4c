// SPDX-License-Identifier: Apache-2.0
#include "sampling/table.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "sampling/pattern.h"

namespace weft {
namespace {

constexpr double kSecond_ns = 1e9;

std::uint64_t interval_of(double per_second) {
  return per_second > 0 ? std::max<std::uint64_t>(1, static_cast<std::uint64_t>(kSecond_ns / per_second)) : 0;
}

class Compiler {
 public:
  Compiler(sampling_table& table) : table_(table) {}

  // False: no room for its rules.
  bool service(const ServicePlan& plan, sampling_service& out) {
    const auto first = rules(plan.rules);
    if (!first) return false;
    out.first = *first;
    out.threshold = threshold_of(plan.ratio);
    out.interval_ns = interval_of(plan.max_per_second);
    out.floor_ns = interval_of(plan.min_per_second);
    out.flags = plan.report_all ? SAMPLING_REPORT_ALL : 0;
    return true;
  }

 private:
  using RuleKey = std::vector<std::tuple<std::string, std::string, double>>;

  // Services with the same rules share them.
  std::optional<std::uint16_t> rules(const std::vector<PlannedRule>& rules) {
    if (rules.empty()) return 0;
    RuleKey key;
    for (const auto& rule : rules) key.emplace_back(rule.method, rule.path, rule.ratio);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    std::vector<sampling_op> ops;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      auto one = compile_rule(rules[i].method, rules[i].path, rules[i].ratio);
      const bool last = i + 1 == rules.size();
      const std::size_t next = last ? 0 : used_ + ops.size() + one.size();
      for (auto& op : one) op.next = static_cast<__u16>(next);
      ops.insert(ops.end(), one.begin(), one.end());
    }
    if (used_ + ops.size() > SAMPLING_OPS) return std::nullopt;
    std::ranges::copy(ops, table_.ops + used_);
    const auto first = static_cast<std::uint16_t>(used_);
    used_ += ops.size();
    known_.emplace(std::move(key), first);
    return first;
  }

  sampling_table& table_;
  std::size_t used_ = 1;  // operation 0 ends every search
  std::map<RuleKey, std::uint16_t> known_;
};

}  // namespace

double planned_ratio(const ServicePlan& plan, const std::string& method, const std::string& path) {
  const CompiledSampling compiled = compile_sampling({}, plan, {});
  const sampling_service& service = compiled.table->services[0];
  const auto text = std::make_unique<head_text>();
  const std::string line = method + " " + path + " ";
  std::memcpy(text->bytes, line.data(), std::min<std::size_t>(line.size(), HEAD_TEXT_CAP));
  sampling_work work{};
  work.target = static_cast<__u32>(method.size() + 1);
  work.end = static_cast<__u32>(std::min<std::size_t>(line.size() - 1, HEAD_TEXT_CAP));
  work.threshold = service.threshold;
  if (service.first) sampling_search(text.get(), compiled.table.get(), service.first, &work);
  return ratio_of(work.threshold);
}

CompiledSampling compile_sampling(const std::map<std::uint32_t, ServicePlan>& plans, const ServicePlan& other,
                                  SamplingFlags flags) {
  CompiledSampling compiled;
  compiled.table = std::make_unique<sampling_table>();
  sampling_table& table = *compiled.table;
  table.flags = (flags.ignore_parent ? SAMPLING_IGNORE_PARENT : 0) | (flags.tell ? SAMPLING_TELL : 0);
  Compiler compiler(table);
  sampling_service fallback{};
  if (!compiler.service(other, fallback)) compiled.problems.emplace_back("sampling: the rules find no room");
  std::ranges::fill(table.services, fallback);
  for (const auto& [number, plan] : plans) {
    sampling_service& service = table.services[number & (SAMPLING_SERVICES - 1)];
    if (compiler.service(plan, service)) continue;
    service.threshold = threshold_of(plan.ratio);
    compiled.problems.push_back("sampling: the rules of service number " + std::to_string(number) +
                                " find no room, those for all services hold for it");
  }
  return compiled;
}

}  // namespace weft
