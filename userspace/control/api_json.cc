// SPDX-License-Identifier: Apache-2.0
#include "control/api_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "exporter/console/span_json.h"

namespace weft {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string_view state_name(Probe::State state) {
  switch (state) {
    case Probe::State::works:
      return "works";
    case Probe::State::limited:
      return "limited";
    case Probe::State::missing:
      return "missing";
  }
  return "missing";
}

Json mechanisms(const std::vector<Probe>& probes) {
  Json list = Json::array();
  for (const Probe& probe : probes) {
    list.push_back({{"name", probe.name},
                    {"state", state_name(probe.state)},
                    {"finding", probe.finding},
                    {"effect", probe.effect},
                    {"remedy", probe.remedy}});
  }
  return list;
}

Json exporters(const std::vector<ExportCounters>& counters) {
  Json list = Json::array();
  for (const ExportCounters& one : counters) {
    list.push_back({{"name", one.exporter},
                    {"endpoint", one.endpoint},
                    {"spans", Json(one.by_result)},
                    {"queued", one.queued},
                    {"queue_limit", one.queue_limit},
                    {"last_error", one.last_error}});
  }
  return list;
}

Json object(const std::map<std::string, std::uint64_t>& counts) {
  Json json = Json::object();
  for (const auto& [key, value] : counts) json[key] = value;
  return json;
}

}  // namespace

std::string status_json(const StatusReport& status, const StoreCounters& store) {
  Json json;
  json["version"] = status.version;
  json["pid"] = status.pid;
  json["started_unix_nano"] = status.started_unix_ns;
  json["uptime_seconds"] = static_cast<double>(status.uptime_ns) / 1e9;
  json["healthy"] = status.healthy;
  json["problems"] = status.problems;
  json["restart_needed_for"] = status.restart_keys;
  json["kernel"] = {{"release", status.kernel_release}, {"mechanisms", mechanisms(status.mechanisms)}};
  json["processes"] = object(status.processes);
  json["spans"] = {{"total", status.spans_total}, {"per_second", status.spans_per_second}};
  json["losses"] = object(status.losses);
  json["injections"] = object(status.injections);
  json["response_headers"] = object(status.response_headers);
  json["unenforced"] = object(status.unenforced);
  json["exporters"] = exporters(status.exporters);
  json["store"] = {{"traces", store.traces},
                   {"spans", store.spans},
                   {"bytes", store.bytes},
                   {"evicted_traces", store.evicted_traces},
                   {"refused_spans", store.refused_spans}};
  json["sampling"] = {{"sampler", status.sampler}, {"ratio", status.sampling_ratio}};
  json["policy_version"] = status.policy_version;
  return text(json);
}

std::string processes_json(const std::vector<ProcessRow>& processes) {
  Json list = Json::array();
  for (const ProcessRow& row : processes) {
    Json task = {{"rule", row.task_rule}, {"why", row.task_why}};
    if (!row.http2_rule.empty()) task["http2"] = {{"rule", row.http2_rule}, {"why", row.http2_why}};
    list.push_back({{"pid", row.pid},
                    {"service", row.service},
                    {"executable", row.executable},
                    {"language", row.language},
                    {"state", row.state},
                    {"reason", row.reason},
                    {"task", std::move(task)},
                    {"protocols", row.protocols},
                    {"connections", row.connections},
                    {"live_exchanges", row.live_exchanges},
                    {"calls",
                     {{"with_parent", row.calls.with_parent},
                      {"roots", row.calls.roots},
                      {"own_context", row.calls.own_context},
                      {"without_parent", object(row.calls.without_parent)}}},
                    {"probes", row.probes}});
  }
  return text({{"processes", std::move(list)}});
}

std::string traces_json(const std::vector<TraceSummary>& traces) {
  Json list = Json::array();
  for (const TraceSummary& trace : traces) {
    list.push_back({{"trace_id", trace.trace_id.hex()},
                    {"name", trace.root_name},
                    {"service", trace.root_service},
                    {"start_unix_nano", trace.start_unix_ns},
                    {"duration_nano", trace.duration_ns},
                    {"spans", trace.spans},
                    {"errors", trace.errors},
                    {"services", trace.services}});
  }
  return text({{"traces", std::move(list)}});
}

std::string open_span_json(const OpenSpan& open) {
  Json so_far = {{"for_nano", open.open_ns}, {"pid", open.pid}};
  if (const auto& progress = open.progress) {
    so_far["request_bytes"] = progress->request_bytes;
    so_far["response_bytes"] = progress->response_bytes;
    if (open.span->attributes.find("rpc.system.name")) {
      if (progress->request_messages) so_far["request_messages"] = *progress->request_messages;
      if (progress->response_messages) so_far["response_messages"] = *progress->response_messages;
    }
  }
  std::string json = span_json(*open.span);
  json.pop_back();
  return json + ",\"open\":" + text(so_far) + "}";
}

std::string trace_json(const TraceId& id, const std::vector<SpanPtr>& spans,
                       const Result<std::vector<OpenSpan>>& open) {
  std::vector<std::string> all;
  all.reserve(spans.size() + (open ? open->size() : 0));
  for (const SpanPtr& span : spans) all.push_back(span_json(*span));
  if (open) {
    for (const OpenSpan& one : *open)
      if (std::ranges::none_of(spans, [&](const SpanPtr& span) { return span->span_id == one.span->span_id; }))
        all.push_back(open_span_json(one));
  }
  std::string json = fmt::format(R"({{"trace_id":"{}","spans":[{}])", id.hex(), fmt::join(all, ","));
  if (!open) json += ",\"open_unknown\":" + text(open.error().message);
  return json + "}";
}

std::string routes_json(const std::vector<RouteRow>& routes) {
  Json list = Json::array();
  for (const RouteRow& row : routes) {
    list.push_back({{"service", row.service},
                    {"kind", row.kind},
                    {"method", row.method},
                    {"route", row.route},
                    {"total", row.total},
                    {"requests", row.requests},
                    {"errors", row.errors},
                    {"rate_per_second", row.rate_per_second},
                    {"error_ratio", row.error_ratio},
                    {"p50_nano", row.p50_ns},
                    {"p99_nano", row.p99_ns}});
  }
  return text(
      {{"window_seconds", RoutesTable::kSlotNs * RoutesTable::kSlots / 1'000'000'000}, {"routes", std::move(list)}});
}

std::string error_json(std::string_view message) { return text({{"error", message}}); }

}  // namespace weft
