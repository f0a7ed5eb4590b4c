// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel_target.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace weft {
namespace {

const std::string kNotToldApart = " goroutines cannot be told apart: ";

// What of the two there is.
std::string both(bool first, const char* one, bool second, const char* other) {
  return std::string(first ? one : "") + (first && second ? ", " : "") + (second ? other : "");
}

std::string served_streams(const GoProgram& program) {
  return both(!program.http2_run_handler.empty() || program.http2_internal_handler, "handlers of HTTP/2",
              program.grpc_operate_headers.has_value(), "handlers of gRPC");
}

std::string called_streams(const GoProgram& program) {
  return both(!program.sender_goroutines.empty(), "requests of HTTP/2", program.grpc_client.has_value(),
              "calls of gRPC");
}

KafkaConsumeSite::Call consume_call(RdkafkaCall call) {
  switch (call) {
    case RdkafkaCall::consumer_poll:
      return KafkaConsumeSite::Call::poll;
    case RdkafkaCall::consume:
      return KafkaConsumeSite::Call::topic;
    case RdkafkaCall::consume_queue:
      return KafkaConsumeSite::Call::queue;
    case RdkafkaCall::consume_batch:
      return KafkaConsumeSite::Call::batch;
    case RdkafkaCall::consume_batch_queue:
      return KafkaConsumeSite::Call::batch_queue;
    case RdkafkaCall::consume_callback:
    case RdkafkaCall::consume_stop:
      return KafkaConsumeSite::Call::ends_partition;
    default:  // a callback's records are processed within the call
      return KafkaConsumeSite::Call::ends;
  }
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
  follow_libraries(pid, settings);
  return {};
}

// Not in a Go program: a library of C in it would have to tell for which goroutine it is called.
void KernelTarget::follow_libraries(pid_t pid, const ProcessSettings& settings) {
  const auto go = go_state(pid);
  const bool of_go = go && go->traced;
  if (of_go)
    openssl_.untrace(pid);
  else
    openssl_.trace(pid, goroutines_.executions(pid));
  if (of_go || settings.task == TaskRule::none)
    grpc_core_.untrace(pid);
  else
    grpc_core_.trace(pid, goroutines_.executions(pid));
}

// Not before there can be any use: probes cost each record a microsecond, and of Go's consumers ten. Who serves
// nothing, and works for no record, calls for nobody; and who sends nothing calls nobody.
void KernelTarget::speaks_kafka(pid_t pid) {
  if (const auto room = kafka_notes_.expect_kafka(); !room && !std::exchange(kafka_cramped_, true))
    spdlog::warn("one Kafka request at a time can be changed: {}", room.error().message);
  KafkaState state = kafka_state(pid).value_or(KafkaState{.executed = goroutines_.executions(pid)});
  const bool produces = !state.producers && kafka_notes_.serves(pid);
  const bool consumes = !state.consumers && kafka_notes_.calls(pid);
  if (!produces && !consumes) return;
  if (produces) note_producers(pid, state);
  if (consumes) follow_consumers(pid, state);
  const std::lock_guard lock(mutex_);
  kafka_.insert_or_assign(pid, std::move(state));
}

// Calls of a Go program's libraries, whose goroutines have to be known.
std::vector<KafkaCallSite> KernelTarget::go_producers(const GoProgramFinder::Found& found) {
  const auto* program = std::get_if<GoProgram>(&found.analysis);
  if (!program) return {};
  std::vector<KafkaCallSite> sites;
  sites.reserve(program->kafka.produce.size());
  for (const auto& [call, offset] : program->kafka.produce)
    sites.push_back(
        {static_cast<KafkaCallSite::Call>(static_cast<int>(call) + static_cast<int>(KafkaCallSite::Call::franz)),
         offset});
  return sites;
}

void KernelTarget::note_producers(pid_t pid, KafkaState& state) {
  state.producers = true;
  if (const auto go = go_state(pid); go && go->traced) {
    const auto found = go_finder_.find(pid);
    const auto sites = go_producers(found);
    if (!sites.empty()) {
      if (auto noted = kafka_notes_.note_kafka_callers(pid, found.path, sites); !noted) {
        spdlog::info("for whom process {} produces Kafka records is not known: {}", pid, noted.error().message);
        return;
      }
      state.go_probes = sites.size();
    }
  }
  for (const auto& library : librdkafka_finder_.find(pid)) {
    std::vector<KafkaCallSite> sites;
    sites.reserve(library.sites.produce.size());
    for (const auto& site : library.sites.produce)
      sites.push_back({static_cast<KafkaCallSite::Call>(site.call), site.offset});
    if (sites.empty()) continue;
    if (auto noted = kafka_notes_.note_kafka_callers(pid, library.path, sites); !noted) {
      spdlog::info("for whom process {} produces Kafka records is not known: {}", pid, noted.error().message);
      kafka_notes_.forget_kafka_callers(pid);  // all of its libraries, or none
      state.forget_probes();
      return;
    }
    state.produce_probes += sites.size();
  }
}

void KernelTarget::follow_consumers(pid_t pid, KafkaState& state) {
  state.consumers = true;
  state.unread = options_.no_records;
  if (!options_.no_records.empty()) return;
  if (const auto go = go_state(pid); go && go->traced) return follow_go_consumers(pid, state);
  for (const auto& library : librdkafka_finder_.find(pid)) {
    if (library.sites.consume.empty()) continue;
    if (!library.sites.layout) {
      state.unread = "this build of librdkafka keeps headers in an unknown place";
      spdlog::info("what process {} does for Kafka records is not followed: {}", pid, state.unread);
      continue;
    }
    const auto& layout = *library.sites.layout;
    std::vector<KafkaConsumeSite> sites;
    sites.reserve(library.sites.consume.size());
    for (const auto& site : library.sites.consume) sites.push_back({consume_call(site.call), site.offset});
    const kafka_consume_layout found{layout.headers, layout.topic, layout.name};
    if (auto followed = kafka_notes_.follow_kafka_consumers(pid, library.path, sites, found); !followed) {
      spdlog::info("what process {} does for Kafka records is not followed: {}", pid, followed.error().message);
      kafka_notes_.forget_kafka_callers(pid);  // all of its libraries, or none
      state.forget_probes();
      state.unread = followed.error().message;
      return;
    }
    state.consume_probes += sites.size();
  }
}

// Of threads it would not be known for which goroutine one is given a record.
void KernelTarget::follow_go_consumers(pid_t pid, KafkaState& state) {
  const auto found = go_finder_.find(pid);
  const auto* program = std::get_if<GoProgram>(&found.analysis);
  if (!program) return;
  state.unread = program->kafka.not_followed;
  std::vector<GoConsumeSite> sites;
  sites.reserve(program->kafka.consume.size());
  for (const auto& [place, offset] : program->kafka.consume)
    sites.push_back({static_cast<GoConsumeSite::Place>(place), offset});
  if (sites.empty()) return;
  if (auto followed = kafka_notes_.follow_go_consumers(pid, found.path, sites); !followed) {
    state.unread = followed.error().message;
    spdlog::info("what process {} does for Kafka records is not followed: {}", pid, state.unread);
    return;
  }
  state.go_consume_probes = sites.size();
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

std::optional<KernelTarget::KafkaState> KernelTarget::kafka_state(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = kafka_.find(pid);
  return found == kafka_.end() ? std::nullopt : std::optional(found->second);
}

bool KernelTarget::follows_records(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = kafka_.find(pid);
  return found != kafka_.end() && found->second.follows();
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
  GoState state;
  state.executed = executed;
  state.file = found.file;
  if (const auto* none = std::get_if<NoGoProgram>(&found.analysis)) {
    if (none->kind == NoGoProgram::Kind::other) return std::nullopt;
    state.hidden = none->kind == NoGoProgram::Kind::hidden;
    state.text = none->reason;
    say_once(pid, found.file, (state.hidden ? "if it is a Go program, its" : "its") + kNotToldApart + none->reason);
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
                             .running_g = program.running_g,
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
  if (program.http2_internal_handler)
    settings.probes.push_back({Place::http2_internal_handler, *program.http2_internal_handler});
  if (const auto& grpc = program.grpc_client) {
    settings.probes.push_back({Place::grpc_new_stream, grpc->new_stream});
    settings.probes.push_back({Place::grpc_write_header, grpc->write_header});
  }
  if (program.grpc_operate_headers)
    settings.probes.push_back({Place::grpc_operate_headers, *program.grpc_operate_headers});
  const auto moved = [&](const std::vector<std::uint64_t>& linked) {
    std::vector<std::uint64_t> addresses;
    addresses.reserve(linked.size());
    for (const std::uint64_t address : linked) addresses.push_back(address + found.shift);
    return addresses;
  };
  settings.service_goroutines = moved(program.service_goroutines);
  settings.sender_goroutines = moved(program.sender_goroutines);
  settings.handler_goroutines = moved(program.handler_goroutines);
  state.text = program.version;
  state.served_streams = served_streams(program);
  state.called_streams = called_streams(program);
  if (auto traced = goroutines_.trace_goroutines(pid, settings, executed); !traced) {
    state.text = traced.error().message;
    spdlog::info("{}", traced.error().message);
    return state;
  }
  state.traced = true;
  state.probes = settings.probes.size();
  if (!program.proven)
    say_once(pid, found.file,
             program.version + " is not known well enough: its goroutines are told apart once they " +
                 "have borne out where they are looked for");
  return state;
}

// What was read in the process's memory is no goroutine: its program is not what it seems.
void KernelTarget::leave_alone(pid_t pid) {
  auto state = go_state(pid);
  if (!state || !state->traced) return;
  goroutines_.untrace_goroutines(pid);
  kafka_notes_.forget_kafka_callers(pid);
  state->text += ": what was read in its memory is no goroutine";
  say_once(pid, state->file, "its" + kNotToldApart + state->text);
  state->traced = state->rests = false;
  state->probes = 0;
  const std::lock_guard lock(mutex_);
  go_.insert_or_assign(pid, std::move(*state));
  if (const auto kafka = kafka_.find(pid); kafka != kafka_.end()) kafka->second.forget_probes();
}

// For each file: a program may run many times.
void KernelTarget::say_once(pid_t pid, const std::optional<FileId>& file, const std::string& text) {
  constexpr std::size_t kMost = 256;
  if (said_.size() >= kMost) said_.clear();
  if (!file || said_.emplace(*file, text).second) spdlog::info("process {}: {}", pid, text);
}

bool KernelTarget::attach_late() {
  if (calls) {
    rest_.look(calls());
    grpc_core_.look(calls());
  }
  const bool goroutines_wait = goroutines_.attach_late();
  return openssl_.look() || goroutines_wait;
}

void KernelTarget::rests_now(pid_t pid, bool rests) {
  const std::lock_guard lock(mutex_);
  if (const auto found = go_.find(pid); found != go_.end()) found->second.rests = rests;
}

std::optional<KernelTarget::GoState> KernelTarget::go_state(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = go_.find(pid);
  return found == go_.end() ? std::nullopt : std::optional(found->second);
}

// Called again after an exec: the probe belongs to the memory of the program before.
void KernelTarget::watch(pid_t pid, const ProcessSettings& settings) {
  if (!options_.watch_fionread) return;
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
  openssl_.untrace(pid);
  grpc_core_.untrace(pid);
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
  std::size_t all = watched_.size() + openssl_.probes() + grpc_core_.probes();
  for (const auto& [pid, state] : go_) all += state.probes;
  for (const auto& [pid, state] : kafka_) all += state.probes();
  return all;
}

}  // namespace weft
