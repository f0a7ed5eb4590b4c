// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <utility>

#include "agent/config_options.h"
#include "agent/version.h"
#include "base/clock.h"
#include "control/pipeline_options.h"
#include "decode/http_head.h"
#include "decode/record.h"
#include "decode/text.h"
#include "kernel/names.h"

namespace weft {
namespace {

constexpr int kBusyWait_ms = 4;       // the ring holds far more than comes in that time
constexpr int kIdleWait_ms = 20;      // nothing came for a second
constexpr std::size_t kRun = 64;      // records that are handled in one go: 25 to 50 µs
constexpr std::size_t kMostRuns = 8;  // … before the rest of a turn is handled in one
constexpr std::uint64_t kSoon_ns = 1'000'000;
constexpr std::uint64_t kSweep_ns = 5 * kSecond_ns;

std::array<std::uint64_t, 2> new_record_key() {
  std::random_device source;
  std::array<std::uint64_t, 2> key{};
  for (auto& part : key) part = std::uint64_t{source()} << 32 | source();
  return key;
}

// The parent id in the first traceparent line of a head; not valid when there is none.
SpanId carried_parent(std::string_view head) {
  RequestHead request = parse_request_head(head);
  for (HeaderLine line; request.headers.next(line);)
    if (equals_lower(line.name, "traceparent") && line.value.size() >= 52)
      return SpanId::parse(line.value.substr(36, 16)).value_or(SpanId{});
  return {};
}

}  // namespace

Agent::Agent(const Config& config, KernelReport report)
    : config_(config),
      report_(std::move(report)),
      started_unix_ns_(clock_.unix_ns()),
      started_ns_(clock_.monotonic_ns()),
      record_key_(new_record_key()),
      http2_([this](EventBytes record) { kafka_.feed(record); },
             {.limits = {}, .trust_incoming = config.propagation.trust_incoming}),
      kafka_([this](EventBytes record) { on_whole_event(record); }, kafka_options()) {}

Agent::~Agent() { stop(); }

KernelOptions Agent::kernel_options() const {
  KernelOptions options = kernel_options_of(config_, report_);
  options.record_key = record_key_;
  options.trace_id_header = config_.kafka.trace_id_header;
  return options;
}

Result<std::unique_ptr<Agent>> Agent::start(const Config& config, KernelReport report) {
  std::unique_ptr<Agent> agent(new Agent(config, std::move(report)));
  if (auto built = agent->build(); !built) return std::unexpected(built.error());
  if (auto served = agent->serve(); !served) return std::unexpected(served.error());
  // Not before: an agent that cannot start says that alone. Only turn() looks for processes, in this thread.
  agent->discoverer_->warn = [](const std::string& line) { spdlog::warn("{}", line); };
  return agent;
}

Result<void> Agent::build() {
  auto sinks = Sinks::create(config_, clock_);
  if (!sinks) return std::unexpected(sinks.error());
  sinks_ = std::move(*sinks);
  auto kernel = Kernel::load(kernel_options());
  if (!kernel) return std::unexpected(kernel.error());
  kernel_ = std::move(*kernel);
  choose_kafka_topics();
  if (auto started = start_policy(); !started) return started;  // before the first process is traced

  resources_ =
      std::make_unique<ResourceTable>(read_host_identity(ProcFiles("/proc")), clock_, config_.resource_attributes);
  if (auto built = build_sampling(); !built) return built;
  target_ = std::make_unique<KernelTarget>(*kernel_, *sampling_, clock_,
                                           KernelTarget::Options{.watch_fionread = report_.fionread_broken,
                                                                 .openssl = config_.capture.openssl,
                                                                 .no_records = records_not_followed()});
  discoverer_ = std::make_unique<Discoverer>(discovery_rules(config_, report_), *target_, *resources_, clock_, "/proc");
  PipelineOptions options = pipeline_options(config_);
  recorders_ = std::make_unique<Recorders>(options.mask, clock_, *resources_);
  pipeline_ = std::make_unique<SpanPipeline>(std::move(options), clock_, *resources_,
                                             [this](const Assembled& assembled) { on_span(assembled); });
  pipeline_->on_unsampled_begin = [this](const TraceId& trace) { keeper_->begins(trace); };
  pipeline_->on_unsampled = [this](const SpanPtr& like, std::uint64_t duration_ns) {
    sinks_->count(like, duration_ns);
  };
  target_->calls = [this]() -> const CallsByProcess& { return pipeline_->calls(); };
  pipeline_->on_process = [this](const ProcessEvent& event) { on_process(event); };
  pipeline_->on_socket = [this](const SocketEvent& event) { on_socket(event); };
  policy_->on_value_keys = [this](const auto& wanted) {
    pipeline_->show_baggage_values(wanted);
    sinks_->metrics.set_baggage_values(wanted);
  };
  discoverer_->scan();
  while (discoverer_->attach_late()) {  // those that are traced already are not lost meanwhile
    turn();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::malloc_trim(0);  // loading the programs took far more memory than running them does
  return {};
}

Result<void> Agent::start_policy() {
  PolicyKeeper::Parts parts{kernel_->policy(), clock_, [](bool bad, const std::string& line) {
                              spdlog::log(bad ? spdlog::level::warn : spdlog::level::info, "{}", line);
                            }};
  policy_ = std::make_unique<PolicyKeeper>(std::move(parts));
  return policy_->start(config_.baggage);
}

Result<void> Agent::serve() {
  agent_metrics_ = std::make_unique<AgentMetrics>([this] { return snapshot(); });
  if (config_.exporters.prometheus.enabled()) {
    ScrapeOptions options;
    options.listen = config_.exporters.prometheus.listen;
    options.path = config_.exporters.prometheus.path;
    options.not_ready = [this] { return readiness_.why_not(clock_.monotonic_ns()); };
    auto scrape = ScrapeServer::start(options, {&sinks_->metrics, agent_metrics_.get(), &process_metrics_});
    if (!scrape) return fail("exporters.prometheus.listen: " + scrape.error().message);
    scrape_ = std::move(*scrape);
  }
  ApiOptions options;
  options.socket_path = config_.control.socket;
  auto api = ApiServer::start(options, *this, sinks_->store, sinks_->routes);
  if (!api) return std::unexpected(api.error());
  api_ = std::move(*api);
  return {};
}

// Whoever waits for this processor is let in between, so that a request does not wait for all that a turn usually has
// to do.
std::size_t Agent::take_events() {
  std::size_t seen = 0, pause_at = priority_.behind() ? 0 : kRun;
  return kernel_->events().drain([&](EventBytes record) {
    on_event(record);
    if (++seen != pause_at) return;
    const std::uint64_t before = clock_.monotonic_ns();
    ::sched_yield();
    const bool soon_back = clock_.monotonic_ns() - before < kSoon_ns;
    pause_at = soon_back && seen < kMostRuns * kRun ? seen + kRun : 0;
  });
}

int Agent::turn() {
  const std::size_t records = take_events();
  discoverer_->attach_late();
  policy_->poll();
  errands_.turn();
  const std::uint64_t now = clock_.monotonic_ns();
  readiness_.turned(now);
  if (records) last_event_ns_ = now;
  const bool behind = kernel_->events().filled() >= EventSource::kMostAtOnce;
  if (api_) priority_.turned(behind, now);  // its threads and those of the sinks are there
  if (now >= next_second_ns_) {
    next_second_ns_ = now + kSecond_ns;
    every_second();
  }
  if (now >= next_sweep_ns_) {
    next_sweep_ns_ = now + kSweep_ns;
    kernel_->sweep();
  }
  return behind ? 0 : now - last_event_ns_ > kSecond_ns ? kIdleWait_ms : kBusyWait_ms;
}

void Agent::every_second() {
  discoverer_->poll();
  kafka_.sweep(clock_.monotonic_ns());
  pipeline_->sweep();
  follow_routes(clock_.monotonic_ns());
  keeper_->sweep();
  const std::uint64_t spans = spans_.load(std::memory_order_relaxed);
  spans_per_second_ = 0.7 * spans_per_second_.load() + 0.3 * static_cast<double>(spans - spans_before_);
  spans_before_ = spans;
  const std::lock_guard lock(counters_mutex_);
  pipeline_counters_ = pipeline_->counters();
  http2_counters_ = http2_.counters();
}

void Agent::on_event(EventBytes record) {
  see_kafka(record);
  http2_.feed(record);
}

// Before the first record goes out there are answers of the broker.
void Agent::see_kafka(EventBytes record) {
  const auto header = read_front<event_header>(record);
  if (!header) return;
  if (header->type == EVENT_KAFKA) {
    if (const auto frame = read_front<kafka_event>(record)) discoverer_->saw_kafka(static_cast<pid_t>(frame->tgid));
  } else if (header->type == EVENT_REQUEST) {
    const auto request = read_front<request_event>(record);
    if (request && request->protocol == PROTOCOL_KAFKA) discoverer_->saw_kafka(static_cast<pid_t>(request->tgid));
  }
}

void Agent::on_whole_event(EventBytes record) {
  see_request(record);
  recorders_->event(record);
  pipeline_->feed(record);
}

// Requests that carry a context are evidence for or against an SDK inside the process.
void Agent::see_request(EventBytes record) {
  const auto front = read_front<request_event>(record);
  if (!front) return;
  const request_event& event = *front;
  if (event.header.type != EVENT_REQUEST || !(event.facts & REQUEST_HAS_CONTEXT)) return;
  SeenRequest seen;
  seen.pid = static_cast<pid_t>(event.tgid);
  seen.outgoing = event.role == ROLE_CLIENT;
  seen.foreign_parent = event.facts & REQUEST_FOREIGN_PARENT;
  const std::size_t text = std::min<std::size_t>(event.text_bytes, record.size() - sizeof event);
  const std::string_view head(reinterpret_cast<const char*>(record.data()) + sizeof event, text);
  if (event.role == ROLE_SERVER) {
    std::memcpy(seen.parent.bytes.data(), event.ids.parent_span_id, 8);
  } else {
    seen.parent = carried_parent(head);
  }
  discoverer_->saw_request(seen);
}

void Agent::on_process(const ProcessEvent& event) {
  const auto& fields = event.fields;
  const auto pid = static_cast<pid_t>(fields.tgid);
  switch (fields.change) {
    case PROCESS_FORK:
      return discoverer_->on_change(pid, ProcessChange::fork, static_cast<pid_t>(fields.parent_tgid));
    case PROCESS_EXEC:
      return discoverer_->on_change(pid, ProcessChange::exec, static_cast<pid_t>(fields.parent_tgid), 0,
                                    {fields.comm, strnlen(fields.comm, sizeof fields.comm)});
    case PROCESS_EXIT:
      return discoverer_->on_change(pid, ProcessChange::exit);
    case PROCESS_LISTEN:
      return discoverer_->on_change(pid, ProcessChange::listen, 0, static_cast<std::uint16_t>(fields.detail));
    case PROCESS_FIONREAD:
      spdlog::warn(
          "process {} asked for FIONREAD, which this kernel answers wrongly for changed sockets: its requests "
          "are observed from now on, no longer changed",
          pid);
      return discoverer_->saw_fionread(pid);
    case PROCESS_SENDS_SPANS:
      return discoverer_->saw_spans_sent(pid, spans_name(fields.detail));
    case PROCESS_TAKES_SPANS:
      return discoverer_->saw_spans_taken(pid);
    default:
      return;
  }
}

void Agent::on_socket(const SocketEvent& event) {
  if (event.fields.request == SOCKET_RELEASE)
    kernel_->release_socket(event.fields.connection_id);
  else if (!readiness_.stopping())
    kernel_->enrol_socket(static_cast<pid_t>(event.fields.tgid), event.fields.fd, event.fields.connection_id,
                          event.fields.request == SOCKET_ENROL_ANSWERS);
}

void Agent::stop() {
  if (readiness_.stopping() || !kernel_) return;
  readiness_.stops();
  {
    const std::lock_guard lock(remote_mutex_);
    remote_.reset();
  }
  kernel_->stop_changing();
  // What was there when it was asked to stop; traffic goes on.
  double taken = 0;
  while (taken < 1 && kernel_->events().drain([this](EventBytes record) { on_event(record); }))
    taken += kernel_->events().filled();
  kafka_.flush();
  if (pipeline_) pipeline_->flush();
  if (keeper_) keeper_->flush();
  errands_.close();
  api_.reset();
  scrape_.reset();
  if (sinks_) sinks_->shutdown(std::chrono::duration_cast<std::chrono::milliseconds>(config_.shutdown_timeout));
}

}  // namespace weft
