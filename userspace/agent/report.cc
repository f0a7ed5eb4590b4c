// SPDX-License-Identifier: Apache-2.0
// What the agent says of itself: status, processes, numbers for a scrape. Called from API and scrape threads.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "agent/agent.h"
#include "agent/task_rules.h"
#include "agent/version.h"
#include "kernel/names.h"

namespace weft {
namespace {

constexpr auto kPatience = std::chrono::seconds(5);

CallReport call_report(const ProcessCalls& calls) {
  CallReport report{
      .with_parent = calls.with_parent, .roots = calls.roots, .own_context = calls.own_context, .without_parent = {}};
  for (const auto& [result, count] : calls.without_parent)
    report.without_parent[std::string(injection_name(result))] += count;
  return report;
}

std::map<std::string, std::uint64_t> over_protocols(const KernelCounters::ByProtocol& counts) {
  std::map<std::string, std::uint64_t> sums;
  for (const auto& [key, n] : counts) sums[key.second] += n;
  return sums;
}

std::vector<std::string> protocol_names(std::uint32_t protocols) {
  std::vector<std::string> names;
  for (unsigned protocol = 0; protocol < PROTOCOL_COUNT; ++protocol)
    if (protocols & 1u << protocol) names.emplace_back(protocol_name(protocol));
  return names;
}

}  // namespace

KernelCounters Agent::kernel_counters() {
  const std::lock_guard lock(kernel_mutex_);
  return kernel_->counters();
}

std::vector<ProcessRow> Agent::processes() {
  std::map<pid_t, ProcessFindings> findings;
  std::map<pid_t, GoroutineFindings> goroutines;
  {
    const std::lock_guard lock(kernel_mutex_);
    findings = kernel_->findings();
    goroutines = goroutine_tracer(*kernel_).goroutine_findings();
  }
  CallsByProcess calls;
  {
    const std::lock_guard lock(counters_mutex_);
    calls = pipeline_counters_.calls;
  }
  std::vector<ProcessRow> rows;
  for (const auto& process : discoverer_->processes()) {
    ProcessRow row;
    row.pid = process.pid;
    row.service = process.service;
    row.executable = process.executable;
    row.language = process.language;
    row.state = discovery_state_name(process.state);
    row.reason = process.reason;
    const auto made = calls.find(process.pid);
    if (const auto found = findings.find(process.pid); found != findings.end()) {
      const auto go = target_->go_state(process.pid);
      const auto learned = goroutines.find(process.pid);
      const auto text = go && !go->hidden && process.settings.task == TaskRule::automatic
                            ? goroutine_rule(*go, learned == goroutines.end() ? nullptr : &learned->second)
                            : task_rule(process.settings, found->second);
      row.task_rule = text.rule;
      row.task_why = text.why;
      if (go && go->hidden) row.task_why += "; whether it is a Go program cannot be told: " + go->text;
      if (made != calls.end() && made->second.called_by & 1u << PROTOCOL_HTTP2) {
        const auto http2 = http2_rule(text, go && !go->hidden ? &*go : nullptr, found->second);
        row.http2_rule = http2.rule;
        row.http2_why = http2.why;
      }
      row.connections = found->second.connections;
      row.live_exchanges = found->second.live_exchanges;
      if (target_->watches(process.pid)) row.probes.push_back("ioctl");
      if (go && go->traced) row.probes.push_back("goroutines");
      if (target_->openssl().probes(process.pid)) row.probes.push_back("OpenSSL");
      if (target_->grpc_core().probes(process.pid)) row.probes.push_back("gRPC core");
      if (const auto kafka = target_->kafka_state(process.pid)) {
        if (kafka->produce_probes) row.probes.push_back("librdkafka");
        if (kafka->go_probes) row.probes.push_back("Kafka of Go");
        if (kafka->consume_probes) row.probes.push_back("librdkafka consumer");
        if (kafka->go_consume_probes) row.probes.push_back("Kafka consumer of Go");
        row.task_why += kafka_rule(*kafka, found->second);
      }
      if (!process.never_enrol.empty()) row.task_why += "; observed only: " + process.never_enrol;
    }
    if (made != calls.end()) {
      row.calls = call_report(made->second);
      row.protocols = protocol_names(made->second.protocols);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// What the loop is asked for is bounded: it stands still meanwhile. What the kernel knows is asked here.
Result<std::vector<OpenSpan>> Agent::open_spans(const SpanFilter& filter, std::size_t limit) {
  const auto open = errands_.ask(
      [this, filter, limit] {
        return pipeline_->open(
            [&filter](const TraceId& trace, SpanKind kind, const Resource& resource) {
              return filter.matches(trace, kind, StatusCode::unset, resource);
            },
            limit);
      },
      kPatience);
  if (!open) return fail("the agent is too busy to say what is open");
  const std::uint64_t now_ns = clock_.monotonic_ns();
  std::vector<OpenSpan> spans;
  for (const OpenExchange& one : *open) {
    spans.push_back({one.span, one.pid, now_ns - std::min(now_ns, one.begun_ns), std::nullopt});
    if (one.stream) spans.back().progress = kernel_->stream_progress(one.connection_id, one.stream);
  }
  return spans;
}

Result<void> Agent::attach(pid_t pid) { return discoverer_->attach(pid); }
Result<void> Agent::detach(pid_t pid) { return discoverer_->detach(pid); }

std::unique_ptr<EventSubscription> Agent::subscribe_events(EventHandler handler) {
  return recorders_->subscribe(std::move(handler));
}

std::vector<std::string> Agent::problems() const {
  std::vector<std::string> all;
  for (const auto& counters : sinks_->counters())
    if (!counters.last_error.empty())
      all.push_back(fmt::format("exporter {}: {}", counters.exporter, counters.last_error));
  return all;
}

std::map<std::string, std::uint64_t> Agent::losses() {
  std::map<std::string, std::uint64_t> all;
  const auto add = [&all](const char* name, std::uint64_t n) {
    if (n) all[name] += n;
  };
  add("ring_full", kernel_counters().events_lost);
  if (api_) add("followers_too_slow", api_->events_lost());
  const std::lock_guard lock(counters_mutex_);
  add("events_refused", pipeline_counters_.decode.refused_total());
  add("exchanges_evicted", pipeline_counters_.exchanges.evicted);
  add("http2_evicted", http2_counters_.evicted);
  for (const auto& counters : sinks_->counters())
    for (const auto& [result, spans] : counters.by_result)
      if (result != "sent" && spans) all[counters.exporter + "_" + result] += spans;
  return all;
}

std::map<std::string, std::uint64_t> Agent::http2_blocks() const {
  const std::lock_guard lock(counters_mutex_);
  const Http2Counters& now = http2_counters_;
  if (!now.blocks) return {};
  return {{"whole", now.blocks - now.bad_blocks - now.unknown_fields},
          {"in_part", now.unknown_fields},
          {"unreadable", now.bad_blocks},
          {"missed", now.missed}};
}

StatusReport Agent::status() {
  StatusReport report;
  report.version = kVersion;
  report.pid = ::getpid();
  report.started_unix_ns = started_unix_ns_;
  report.uptime_ns = clock_.monotonic_ns() - started_ns_;
  report.problems = problems();
  report.healthy = report.problems.empty();
  report.restart_keys = restart_keys();
  report.kernel_release = report_.release;
  report.mechanisms = report_.probes;
  const auto counts = discoverer_->counts();
  for (std::size_t i = 0; i < counts.size(); ++i)
    report.processes[std::string(discovery_state_name(static_cast<DiscoveryState>(i)))] = counts[i];
  if (config_.discovery.instrument.empty() && !counts[static_cast<std::size_t>(DiscoveryState::traced)])
    report.problems.push_back("nothing is selected: name programs with --exe, --port, --pid or discovery.instrument");
  if (const std::string refused = config_problem(); !refused.empty()) {
    report.problems.push_back(refused);
    report.healthy = false;
  }
  const PolicyKeeper::Summary policy = policy_->summary();
  report.policy_version = policy.version;
  if (!policy.problem.empty()) {
    report.problems.push_back(policy.problem);
    report.healthy = false;
  }
  report.spans_total = spans_;
  report.spans_per_second = spans_per_second_;
  report.losses = losses();
  report.injections = over_protocols(kernel_counters().injections);
  report.response_headers = kernel_counters().response_headers;
  report.unenforced = over_protocols(kernel_counters().unenforced);
  report.exporters = sinks_->counters();
  const SamplingReport sampled = sampling();
  report.sampler = sampled.view.options.sampler;
  report.sampling_ratio = sampled.view.ratio;
  report.problems.insert(report.problems.end(), sampled.view.problems.begin(), sampled.view.problems.end());
  if (!sampled.remote.last_error.empty())
    report.problems.push_back("sampling.jaeger_remote: " + sampled.remote.last_error);
  return report;
}

AgentSnapshot Agent::snapshot() {
  const KernelCounters kernel = kernel_counters();
  AgentSnapshot out;
  out.version = kVersion;
  out.events = kernel.events;
  out.events_lost = kernel.events_lost;
  for (const auto& [key, n] : kernel.errors) out.errors[{key.program, key.reason}] = n;
  for (const auto& [name, fill] : kernel.maps) out.maps[name] = {fill.entries, fill.capacity};
  for (const auto& [name, run] : kernel.programs)
    out.programs[name] = {run.runs, run.recursion_misses, static_cast<double>(run.ns) / 1e9};
  out.injections = kernel.injections;
  for (const auto& [result, n] : kernel.response_headers) out.response_headers[{"http", result}] = n;
  out.unenforced = kernel.unenforced;
  out.config_stale = !config_problem().empty();
  const PolicyKeeper::Summary policy = policy_->summary();
  out.policy = {policy.version, policy.origin,  policy.generation,      policy.since_unix_ns,
                policy.applied, policy.refused, !policy.problem.empty()};
  out.baggage_members = policy_->totals();
  out.exporters = sinks_->counters();
  const auto counts = discoverer_->counts();
  for (std::size_t i = 0; i < counts.size(); ++i)
    out.processes[std::string(discovery_state_name(static_cast<DiscoveryState>(i)))] = counts[i];
  for (const auto& [reason, n] : losses()) out.losses[{"agent", reason}] = n;
  out.http2_blocks = http2_blocks();
  out.attached_probes = target_->probes();
  const SamplingReport sampled = sampling();
  for (const auto& service : sampled.view.services) {
    out.sampling.ratios[service.name] = service.plan.ratio;
    for (const auto& rule : service.plan.rules) out.sampling.raised_routes += rule.source == "adaptive";
  }
  out.sampling.kept = sampled.keep.kept;
  out.sampling.not_kept = sampled.keep.dropped;
  out.sampling.remote = sampled.view.options.remote;
  out.sampling.answers = sampled.remote.answers;
  out.sampling.failures = sampled.remote.failures;
  out.sampling.last_answer_unix_seconds = static_cast<double>(sampled.remote.last_answer_unix_ns) / 1e9;
  return out;
}

}  // namespace weft
