// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel_target.h"

#include <spdlog/spdlog.h>

namespace weft {
namespace {

// Which requests of HTTP/2 find their goroutine, for a person to read.
std::string streams_of(const GoProgram& program) {
  std::string text;
  const auto add = [&](bool known, const char* what) {
    if (known) text += text.empty() ? what : std::string(", ") + what;
  };
  add(!program.http2_run_handler.empty(), "handlers of HTTP/2");
  add(!program.sender_goroutines.empty(), "requests of HTTP/2");
  add(program.grpc_operate_headers.has_value(), "handlers of gRPC");
  add(program.grpc_client.has_value(), "calls of gRPC");
  return text;
}

}  // namespace

Result<void> KernelTarget::trace(pid_t pid, const ProcessSettings& settings) {
  ProcessSettings numbered = settings;
  numbered.sampling_service = sampling_.number_of(settings.service);
  if (auto traced = kernel_.trace(pid, numbered); !traced) return traced;
  if (settings.never_enrol) kernel_.release_members(pid);
  watch(pid, settings);
  follow_goroutines(pid, settings);
  forget_librdkafka(pid);
  return {};
}

// Not before it serves: a probe costs each record a microsecond, and who serves nothing calls for nobody.
void KernelTarget::speaks_kafka(pid_t pid) {
  {
    const std::lock_guard lock(mutex_);
    if (kafka_.contains(pid)) return;
  }
  if (!kafka_notes_.serves(pid)) return;
  KafkaState state{.executed = goroutines_.executions(pid), .probes = 0};
  for (const auto& library : librdkafka_finder_.find(pid)) {
    std::vector<KafkaCallSite> sites;
    for (const auto& site : library.sites) sites.push_back({static_cast<KafkaCallSite::Call>(site.call), site.offset});
    if (auto noted = kafka_notes_.note_kafka_callers(pid, library.path, sites); !noted) {
      spdlog::info("for whom process {} produces Kafka records is not known: {}", pid, noted.error().message);
      kafka_notes_.forget_kafka_callers(pid);  // all of its libraries, or none
      state.probes = 0;
      break;
    }
    state.probes += sites.size();
  }
  const std::lock_guard lock(mutex_);
  kafka_.insert_or_assign(pid, state);
}

// What was learned of the program before.
void KernelTarget::forget_librdkafka(pid_t pid) {
  const std::uint32_t executed = goroutines_.executions(pid);
  {
    const std::lock_guard lock(mutex_);
    const auto known = kafka_.find(pid);
    if (known == kafka_.end() || known->second.executed == executed) return;
    kafka_.erase(known);
  }
  kafka_notes_.forget_kafka_callers(pid);
}

std::size_t KernelTarget::kafka_probes(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = kafka_.find(pid);
  return found == kafka_.end() ? 0 : found->second.probes;
}

// Called again when settings change, which is no reason to forget what was learned, and after an exec, which is.
void KernelTarget::follow_goroutines(pid_t pid, const ProcessSettings& settings) {
  const bool wanted = settings.task == TaskRule::automatic;
  const std::uint32_t executed = goroutines_.executions(pid);
  const auto known = go_state(pid);
  if (wanted && known && known->executed == executed) return;
  if (known) goroutines_.untrace_goroutines(pid);
  auto state = wanted ? start_goroutines(pid, executed) : std::nullopt;
  const std::lock_guard lock(mutex_);
  go_.erase(pid);
  if (state) go_.emplace(pid, std::move(*state));
}

std::optional<KernelTarget::GoState> KernelTarget::start_goroutines(pid_t pid, std::uint32_t executed) {
  const auto found = go_finder_.find(pid);
  GoState state{.executed = executed, .traced = false, .text = {}, .streams = {}, .probes = 0};
  if (const auto* none = std::get_if<NoGoProgram>(&found.analysis)) {
    if (!none->is_go) return std::nullopt;
    state.text = none->reason;
    spdlog::info("process {}: its goroutines cannot be told apart: {}", pid, none->reason);
    return state;
  }
  const auto& program = std::get<GoProgram>(found.analysis);
  const GoLayout& layout = program.layout;
  using Place = GoroutineSettings::Place;
  GoroutineSettings settings{.file = found.path,
                             .g_m = layout.g_m,
                             .g_goid = layout.g_goid,
                             .g_parent_goid = layout.g_parent_goid,
                             .g_startpc = layout.g_startpc,
                             .m_curg = layout.m_curg,
                             .persist_conn_conn = layout.persist_conn_conn,
                             .proven = program.proven,
                             .tcp_write = program.tcp_write ? program.tcp_write + found.shift : 0,
                             .h2c_write = program.h2c_write ? program.h2c_write + found.shift : 0,
                             .probes = {{Place::born, program.goroutine_born}, {Place::ends, program.goroutine_ends}},
                             .service_goroutines = {}};
  if (program.tls) {
    const auto& tls = *program.tls;
    settings.tls_write = tls.write_address + found.shift;
    settings.tls_read_conn = tls.read_conn;
    if (tls.client_handshake) settings.probes.push_back({Place::tls_client_handshake, *tls.client_handshake});
    if (tls.server_handshake) settings.probes.push_back({Place::tls_server_handshake, *tls.server_handshake});
    settings.probes.push_back({Place::tls_write, tls.write});
    settings.probes.push_back({Place::tls_read, tls.read});
  }
  if (program.http_round_trip) settings.probes.push_back({Place::http_round_trip, *program.http_round_trip});
  for (const std::uint64_t offset : program.http2_run_handler)
    settings.probes.push_back({Place::http2_run_handler, offset});
  if (const auto& grpc = program.grpc_client) {
    settings.probes.push_back({Place::grpc_new_stream, grpc->new_stream});
    settings.probes.push_back({Place::grpc_write_header, grpc->write_header});
  }
  if (program.grpc_operate_headers)
    settings.probes.push_back({Place::grpc_operate_headers, *program.grpc_operate_headers});
  const auto moved = [&](const std::vector<std::uint64_t>& linked) {
    std::vector<std::uint64_t> addresses;
    for (const std::uint64_t address : linked) addresses.push_back(address + found.shift);
    return addresses;
  };
  settings.service_goroutines = moved(program.service_goroutines);
  settings.sender_goroutines = moved(program.sender_goroutines);
  settings.handler_goroutines = moved(program.handler_goroutines);
  state.text = program.version;
  state.streams = streams_of(program);
  if (auto traced = goroutines_.trace_goroutines(pid, settings, executed); !traced) {
    state.text = traced.error().message;
    spdlog::info("{}", traced.error().message);
    return state;
  }
  state.traced = true;
  state.probes = settings.probes.size();
  return state;
}

std::optional<KernelTarget::GoState> KernelTarget::go_state(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = go_.find(pid);
  return found == go_.end() ? std::nullopt : std::optional(found->second);
}

// Called again after an exec: the probe belongs to the memory of the program before.
void KernelTarget::watch(pid_t pid, const ProcessSettings& settings) {
  if (!watch_fionread_) return;
  kernel_.unwatch_ioctl(pid);
  forget(pid);
  if (settings.never_enrol) return;
  const IoctlSites sites = finder_.find(pid);
  for (const auto& site : sites.sites) {
    if (auto watched = kernel_.watch_ioctl(pid, site.path, site.offset); !watched)
      spdlog::debug("{}", watched.error().message);
    else
      remember(pid);
  }
  if (sites.outcome != IoctlSites::Outcome::found) spdlog::debug("process {}: {}", pid, sites.explanation);
}

void KernelTarget::untrace(pid_t pid) {
  kernel_.untrace(pid);
  forget(pid);
  const std::lock_guard lock(mutex_);
  go_.erase(pid);
  kafka_.erase(pid);
}

void KernelTarget::remember(pid_t pid) {
  const std::lock_guard lock(mutex_);
  watched_.insert(pid);
}

void KernelTarget::forget(pid_t pid) {
  const std::lock_guard lock(mutex_);
  watched_.erase(pid);
}

bool KernelTarget::watches(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  return watched_.contains(pid);
}

std::size_t KernelTarget::probes() const {
  const std::lock_guard lock(mutex_);
  std::size_t all = watched_.size();
  for (const auto& [pid, state] : go_) all += state.probes;
  for (const auto& [pid, state] : kafka_) all += state.probes;
  return all;
}

}  // namespace weft
