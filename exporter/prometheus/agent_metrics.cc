// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus/agent_metrics.h"

#include "exporter/prometheus/metric_builder.h"

namespace weft {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

double number(std::uint64_t value) { return static_cast<double>(value); }

void add_pairs(Families& out, std::string name, std::string help,
               const std::map<AgentSnapshot::Pair, std::uint64_t>& map, std::string_view first,
               std::string_view second) {
  auto family = counter_family(std::move(name), std::move(help));
  for (const auto& [key, count] : map) add_counter(family, {{first, key.first}, {second, key.second}}, number(count));
  out.push_back(std::move(family));
}

void add_kernel(Families& out, const AgentSnapshot& snapshot) {
  auto events = counter_family("weft_bpf_events_total", "Events that came from the kernel, by type.");
  for (const auto& [type, count] : snapshot.events) add_counter(events, {{"type", type}}, number(count));
  out.push_back(std::move(events));
  auto lost = counter_family("weft_bpf_events_lost_total", "Events for which the ring buffer had no room.");
  add_counter(lost, {}, number(snapshot.events_lost));
  out.push_back(std::move(lost));
  add_pairs(out, "weft_bpf_errors_total", "Failures counted by the kernel programs.", snapshot.errors, "program",
            "reason");
  auto entries = gauge_family("weft_bpf_map_entries", "Entries in use of a kernel map.");
  auto capacity = gauge_family("weft_bpf_map_capacity", "Entries that a kernel map can hold.");
  for (const auto& [map, fill] : snapshot.maps) {
    add_gauge(entries, {{"map", map}}, number(fill.entries));
    add_gauge(capacity, {{"map", map}}, number(fill.capacity));
  }
  out.push_back(std::move(entries));
  out.push_back(std::move(capacity));
  auto seconds = counter_family("weft_bpf_program_seconds_total", "Run time of a kernel program.");
  auto runs = counter_family("weft_bpf_program_runs_total", "Runs of a kernel program.");
  auto misses =
      counter_family("weft_bpf_program_misses_total",
                     "Runs of a kernel program that the kernel left out, because one was running on that processor.");
  for (const auto& [program, run] : snapshot.programs) {
    add_counter(seconds, {{"program", program}}, run.seconds);
    add_counter(runs, {{"program", program}}, number(run.runs));
    add_counter(misses, {{"program", program}}, number(run.misses));
  }
  out.push_back(std::move(seconds));
  out.push_back(std::move(runs));
  out.push_back(std::move(misses));
}

void add_exporters(Families& out, const AgentSnapshot& snapshot) {
  auto spans = counter_family("weft_export_spans_total", "What became of the spans given to an exporter.");
  auto queue = gauge_family("weft_export_queue_spans", "Spans that wait for an exporter.");
  auto limit = gauge_family("weft_export_queue_limit_spans", "Spans that may wait for an exporter.");
  auto failing = gauge_family("weft_export_failing", "1 while an exporter's last attempt has failed.");
  for (const ExportCounters& exporter : snapshot.exporters) {
    for (const auto& [result, count] : exporter.by_result)
      add_counter(spans, {{"exporter", exporter.exporter}, {"result", result}}, number(count));
    add_gauge(queue, {{"exporter", exporter.exporter}}, number(exporter.queued));
    add_gauge(limit, {{"exporter", exporter.exporter}}, number(exporter.queue_limit));
    add_gauge(failing, {{"exporter", exporter.exporter}}, exporter.last_error.empty() ? 0 : 1);
  }
  out.push_back(std::move(spans));
  out.push_back(std::move(queue));
  out.push_back(std::move(limit));
  out.push_back(std::move(failing));
}

void add_policy(Families& out, const AgentSnapshot& snapshot) {
  add_pairs(out, "weft_baggage_members_total", "Baggage members judged, by action and rule.", snapshot.baggage_members,
            "action", "rule");
  auto config = gauge_family("weft_config_stale", "1 when the configuration file as it is now was refused.");
  add_gauge(config, {}, snapshot.config_stale ? 1 : 0);
  out.push_back(std::move(config));
  const AgentSnapshot::Policy& policy = snapshot.policy;
  if (!policy.generation) return;
  auto info = gauge_family("weft_policy_info", "The baggage policy in force; always 1.");
  add_gauge(info, {{"version", policy.version}, {"origin", policy.origin}}, 1);
  out.push_back(std::move(info));
  auto since = gauge_family("weft_policy_since_timestamp_seconds", "When the baggage policy came into force.");
  add_gauge(since, {}, number(policy.since_unix_ns) / 1e9);
  out.push_back(std::move(since));
  auto stale = gauge_family("weft_policy_stale", "1 when the last change of the baggage policy was refused.");
  add_gauge(stale, {}, policy.stale ? 1 : 0);
  out.push_back(std::move(stale));
  auto changes = counter_family("weft_policy_changes_total", "Changes of the baggage policy, by what became of them.");
  add_counter(changes, {{"result", "applied"}}, number(policy.applied));
  add_counter(changes, {{"result", "refused"}}, number(policy.refused));
  out.push_back(std::move(changes));
}

void add_counts(Families& out, std::string name, std::string help, const std::map<std::string, std::uint64_t>& counts,
                std::string_view label) {
  auto family = counter_family(std::move(name), std::move(help));
  for (const auto& [value, count] : counts) add_counter(family, {{label, value}}, number(count));
  out.push_back(std::move(family));
}

void add_sampling(Families& out, const AgentSnapshot::Sampling& sampling) {
  auto ratio = gauge_family("weft_sampling_ratio", "Ratio of a service's new traces that no rule names.");
  for (const auto& [service, value] : sampling.ratios) add_gauge(ratio, {{"service", service}}, value);
  out.push_back(std::move(ratio));
  auto raised = gauge_family("weft_sampling_raised_routes", "Routes whose ratio is raised for errors or latency.");
  add_gauge(raised, {}, number(sampling.raised_routes));
  out.push_back(std::move(raised));
  add_counts(out, "weft_sampling_kept_traces_total", "Unsampled traces that were kept, by rule.", sampling.kept,
             "rule");
  add_counts(out, "weft_sampling_not_kept_traces_total", "Unsampled traces that waited in vain, by reason.",
             sampling.not_kept, "reason");
  if (!sampling.remote) return;
  add_counts(out, "weft_sampling_remote_answers_total", "What the sampling server answered, by result.",
             {{"ok", sampling.answers}, {"failed", sampling.failures}}, "result");
  auto last = gauge_family("weft_sampling_remote_last_answer_timestamp_seconds", "When it last answered.");
  add_gauge(last, {}, sampling.last_answer_unix_seconds);
  out.push_back(std::move(last));
}

}  // namespace

std::vector<prometheus::MetricFamily> AgentMetrics::Collect() const {
  const AgentSnapshot snapshot = snapshot_();
  Families out;
  auto build = gauge_family("weft_build_info", "The version that runs; always 1.");
  add_gauge(build, {{"version", snapshot.version}, {"revision", snapshot.revision}}, 1);
  out.push_back(std::move(build));
  add_kernel(out, snapshot);
  add_pairs(out, "weft_injections_total", "Outgoing messages that could carry context, by what became of it.",
            snapshot.injections, "protocol", "result");
  if (!snapshot.response_headers.empty())
    add_pairs(out, "weft_response_headers_total", "Responses that were to get a header, by what became of it.",
              snapshot.response_headers, "protocol", "result");
  add_pairs(out, "weft_baggage_unenforced_total",
            "Messages whose own baggage went out unjudged or against the policy, by reason.", snapshot.unenforced,
            "protocol", "reason");
  add_policy(out, snapshot);
  add_exporters(out, snapshot);
  auto processes = gauge_family("weft_processes", "Processes the agent knows, by state.");
  for (const auto& [state, count] : snapshot.processes) add_gauge(processes, {{"state", state}}, number(count));
  out.push_back(std::move(processes));
  add_pairs(out, "weft_losses_total", "What the agent gave up in user space, by stage and reason.", snapshot.losses,
            "stage", "reason");
  add_counts(out, "weft_http2_blocks_total", "Header blocks of HTTP/2 that came to be decoded, by result.",
             snapshot.http2_blocks, "result");
  auto probes = gauge_family("weft_attached_probes", "Kernel programs attached.");
  add_gauge(probes, {}, number(snapshot.attached_probes));
  out.push_back(std::move(probes));
  add_sampling(out, snapshot.sampling);
  std::erase_if(out, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  return out;
}

}  // namespace weft
