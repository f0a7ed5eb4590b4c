// SPDX-License-Identifier: Apache-2.0
#include "control/api_sampling.h"

#include <nlohmann/json.hpp>

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

Json rules_of(const ServicePlan& plan) {
  Json list = Json::array();
  for (const PlannedRule& rule : plan.rules)
    list.push_back({{"method", rule.method}, {"path", rule.path}, {"ratio", rule.ratio}, {"source", rule.source}});
  return list;
}

Json services_of(const SamplingView& view) {
  Json list = Json::array();
  for (const auto& service : view.services)
    list.push_back({{"service", service.name},
                    {"ratio", service.plan.ratio},
                    {"source", service.plan.source},
                    {"max_per_second", service.plan.max_per_second},
                    {"min_per_second", service.plan.min_per_second},
                    {"report_all", service.plan.report_all},
                    {"rules", rules_of(service.plan)}});
  return list;
}

Json keep_of(const SamplingReport& report) {
  const KeepOptions& keep = report.view.options.keep;
  Json status = Json::array();
  for (const auto& range : keep.status)
    status.push_back(range.first == range.last ? std::to_string(range.first)
                                               : std::to_string(range.first) + "-" + std::to_string(range.last));
  return {{"services", keep.services},
          {"errors", keep.errors},
          {"slower_than_seconds", seconds(keep.slower_than)},
          {"slower_than_p99", keep.slower_than_p99},
          {"status", std::move(status)},
          {"max_per_second", keep.max_per_second},
          {"kept_traces", Json(report.keep.kept)},
          {"dropped_traces", Json(report.keep.dropped)},
          {"waiting_traces", report.keep.waiting}};
}

Json remote_of(const SamplingReport& report) {
  const JaegerRemoteOptions& remote = report.view.options.jaeger_remote;
  return {{"endpoint", remote.endpoint},
          {"interval_seconds", seconds(remote.interval)},
          {"answers", report.remote.answers},
          {"failures", report.remote.failures},
          {"last_answer_unix_nano", report.remote.last_answer_unix_ns},
          {"last_error", report.remote.last_error}};
}

}  // namespace

std::string sampling_json(const SamplingReport& report) {
  const SamplingView& view = report.view;
  Json json;
  json["sampler"] = view.options.sampler;
  json["parent_based"] = view.options.parent_based;
  json["ratio"] = view.ratio;
  json["source"] = view.source;
  json["services"] = services_of(view);
  json["keep"] = keep_of(report);
  json["adaptive"] = {{"max_ratio", view.options.adaptive.max_ratio}};
  json["jaeger_remote"] = remote_of(report);
  json["problems"] = view.problems;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<SamplingOrder> parse_sampling_order(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(R"(expected {"ratio": 0.1, "service": "NAME"}; without a service it is for all)");
  SamplingOrder order;
  bool has_ratio = false;
  for (const auto& [key, value] : json.items()) {
    if (key == "ratio") {
      has_ratio = true;
      if (value.is_null()) continue;
      if (!value.is_number()) return fail("ratio: a number between 0 and 1, or null for what is configured");
      order.ratio = value.get<double>();
      if (!(*order.ratio >= 0 && *order.ratio <= 1)) return fail("ratio: " + value.dump() + " is not between 0 and 1");
    } else if (key == "service") {
      if (!value.is_string()) return fail("service: expected text");
      order.service = value.get<std::string>();
    } else {
      return fail("unknown key '" + key + "'");
    }
  }
  if (!has_ratio) return fail("no ratio");
  return order;
}

}  // namespace weft
