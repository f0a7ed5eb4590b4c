// SPDX-License-Identifier: Apache-2.0
#include "kernel/goroutines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernel/kernel_impl.h"
#include "wire/settings.h"

namespace weft {
namespace {

go_process process_of(const GoroutineSettings& settings, std::uint32_t program) {
  go_process go{};
  go.program = program;
  go.unproven = !settings.proven;
  go.g_m = settings.g_m;
  go.g_goid = settings.g_goid;
  go.g_parent_goid = settings.g_parent_goid;
  go.g_startpc = settings.g_startpc;
  go.m_curg = settings.m_curg;
  go.persist_conn_conn = settings.persist_conn_conn;
  go.running_g = settings.running_g;
  go.tcp_write = settings.tcp_write;
  go.tls_write = settings.tls_write;
  go.h2c_write = settings.h2c_write;
  go.tls_read_conn = settings.tls_read_conn;
  return go;
}

using Place = GoroutineSettings::Place;

go_site site_of(Place place) {
  switch (place) {
    case Place::born:
      return GO_GOROUTINE_BORN;
    case Place::ends:
      return GO_GOROUTINE_ENDS;
    case Place::http_round_trip:
      return GO_HTTP_ROUND_TRIP;
    case Place::http2_run_handler:
      return GO_HTTP2_RUN_HANDLER;
    case Place::http2_internal_handler:
      return GO_HTTP2_INTERNAL_HANDLER;
    case Place::grpc_new_stream:
      return GO_GRPC_NEW_STREAM;
    case Place::grpc_write_header:
      return GO_GRPC_WRITE_HEADER;
    case Place::grpc_operate_headers:
      return GO_GRPC_OPERATE_HEADERS;
    case Place::tls_client_handshake:
      return GO_TLS_CLIENT_HANDSHAKE;
    case Place::tls_server_handshake:
      return GO_TLS_SERVER_HANDSHAKE;
    case Place::tls_write:
      return GO_TLS_WRITE;
    case Place::tls_read:
      break;
  }
  return GO_TLS_READ;
}

template <typename Key, typename Wanted>
std::vector<Key> keys_of(int map, const Wanted& wanted) {
  std::vector<Key> all;
  Key key{}, next{};
  for (int error = bpf_map_get_next_key(map, nullptr, &next); !error; error = bpf_map_get_next_key(map, &key, &next)) {
    key = next;
    if (wanted(key)) all.push_back(key);
  }
  return all;
}

bool is_tls(Place place) { return place >= Place::tls_client_handshake; }
// What need not be seen of a process that rests.
bool may_rest(Place place) {
  return place == Place::born || place == Place::ends || place == Place::http2_run_handler ||
         place == Place::http2_internal_handler || place == Place::grpc_write_header ||
         place == Place::grpc_operate_headers;
}

}  // namespace

GoroutineTracer& goroutine_tracer(Kernel& kernel) { return static_cast<KernelImpl&>(kernel); }

std::uint32_t KernelImpl::executions(pid_t tgid) {
  const auto key = static_cast<__u32>(tgid);
  process_entry entry{};
  bpf_map__lookup_elem(skeleton_->maps.processes, &key, sizeof key, &entry, sizeof entry, 0);
  return entry.execs;
}

// The probes come last but one: before the tasks are goroutines nobody looks at what they tell, and afterwards none may
// be missing, or a goroutine would be born unseen.
Result<void> KernelImpl::trace_goroutines(pid_t tgid, const GoroutineSettings& settings, std::uint32_t executed) {
  untrace_goroutines(tgid);
  const auto key = static_cast<__u32>(tgid);
  const std::uint32_t program = ++go_programs_;
  const auto failed = [&](const std::string& why) {
    untrace_goroutines(tgid);
    bpf_map_delete_elem(late_tables_->fd_of(skeleton_->maps.go_processes), &key);
    forget_start_sites(program);
    return fail(fmt::format("goroutines of process {}: {}", tgid, why));
  };
  if (const auto made = late_tables_->make(LateTables::Use::goroutines); !made) return failed(made.error().message);
  const go_process go = process_of(settings, program);
  if (const int error = bpf_map_update_elem(late_tables_->fd_of(skeleton_->maps.go_processes), &key, &go, BPF_ANY))
    return failed(errno_text(error));
  const std::pair<const std::vector<std::uint64_t>&, start_site> known[] = {
      {settings.service_goroutines, {.good_births = {}, .off = 1, .kind = START_SITE_LEARNED}},
      {settings.sender_goroutines, {.good_births = {}, .off = 0, .kind = START_SITE_SENDER}},
      {settings.handler_goroutines, {.good_births = {}, .off = 0, .kind = START_SITE_HANDLER}}};
  for (const auto& [addresses, site] : known)
    for (const std::uint64_t address : addresses) {
      const start_site_key where{.program = program, .reserved = 0, .address = address};
      if (const int error =
              bpf_map_update_elem(late_tables_->fd_of(skeleton_->maps.start_sites), &where, &site, BPF_ANY))
        return failed(errno_text(error));
    }
  GoProcess process{.program = program,
                    .executed = executed,
                    .file = UniqueFd(::open(settings.file.c_str(), O_RDONLY | O_CLOEXEC)),
                    .birth_places = {},
                    .probes = {},
                    .births = {}};
  if (!process.file) return failed(errno_text(errno));
  std::vector<UprobePlace> places;
  WaitingTls tls{.tgid = tgid, .program = program, .file = settings.file, .places = {}};
  for (const auto& probe : settings.probes) {
    auto& kind = is_tls(probe.place) ? tls.places : may_rest(probe.place) ? process.birth_places : places;
    kind.push_back({probe.offset, go_cookie(program, site_of(probe.place))});
  }
  if (auto attached = attach_go(tgid, process, places, process.probes); !attached)
    return failed(attached.error().message);
  if (auto attached = attach_go(tgid, process, process.birth_places, process.births); !attached)
    return failed(attached.error().message);
  if (!tls.places.empty()) {
    if (const auto made = late_tables_->make(LateTables::Use::tls); !made) return failed(made.error().message);
    waiting_tls_.push_back(std::move(tls));
  }
  const GoProcess& traced = go_processes_.insert_or_assign(tgid, std::move(process)).first->second;
  if (auto set = set_go(tgid, traced, false); !set) return failed(set.error().message);
  attach_late();
  return {};
}

// Into the file that was looked at, whatever the process executes by now.
Result<void> KernelImpl::attach_go(pid_t tgid, const GoProcess& process, std::span<const UprobePlace> places,
                                   std::vector<Uprobes>& probes) {
  if (places.empty()) return {};
  const std::string file = fmt::format("/proc/self/fd/{}", process.file.get());
  auto attached = Uprobes::attach(uprobe_program(skeleton_->progs.on_goroutine), file, places, tgid);
  if (!attached) return std::unexpected(attached.error());
  probes.push_back(std::move(*attached));
  return {};
}

Result<void> KernelImpl::set_go(pid_t tgid, const GoProcess& process, bool rests) {
  process_go_args change{.tgid = static_cast<__u32>(tgid),
                         .program = process.program,
                         .execs = process.executed,
                         .rests = rests,
                         .result = 0};
  if (const int error = change_go(change)) return fail(errno_text(error));
  if (change.result) return fail("it has ended or executes another program by now");
  return {};
}

int KernelImpl::change_go(process_go_args& change) {
  LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &change, .ctx_size_in = sizeof change);
  return bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.set_go), &run);
}

// Before the probes are gone, and before they are there again, some births are seen and others are not: whoever is
// asked later knows too little, never something wrong. Goroutines whose ends are not seen are forgotten before and
// after.
Result<void> KernelImpl::rest_goroutines(pid_t tgid, bool rest) {
  const auto found = go_processes_.find(tgid);
  if (found == go_processes_.end()) return fail(fmt::format("goroutines of process {} are not traced", tgid));
  GoProcess& process = found->second;
  if (executions(tgid) != process.executed) return fail(fmt::format("process {} executes another program", tgid));
  if (rest) {
    if (auto set = set_go(tgid, process, true); !set) return set;
    probe_ends_.take(std::exchange(process.births, {}));
    forget_goroutines(tgid);
    return {};
  }
  if (process.births.empty()) {
    forget_goroutines(tgid);
    learn_anew(process.program);
    if (auto attached = attach_go(tgid, process, process.birth_places, process.births); !attached) return attached;
  }
  auto set = set_go(tgid, process, false);
  if (!set) probe_ends_.take(std::exchange(process.births, {}));
  return set;
}

void KernelImpl::forget_goroutines(pid_t tgid) {
  forget_goroutines_args which{.tgid = static_cast<__u32>(tgid)};
  LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &which, .ctx_size_in = sizeof which);
  bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.forget_goroutines), &run);
}

// Of start sites that are not known yet only the short-lived births have been seen to their end.
void KernelImpl::learn_anew(__u32 program) {
  const int map = late_tables_->fd_of(skeleton_->maps.start_sites);
  for (const start_site_key& key : start_sites_of(program)) {
    start_site site{};
    if (bpf_map_lookup_elem(map, &key, &site) || site.off || site.good_births[0] >= INHERIT_AFTER_BIRTHS) continue;
    std::ranges::fill(site.good_births, 0u);
    bpf_map_update_elem(map, &key, &site, BPF_EXIST);
  }
}

bool KernelImpl::attach_late() {
  if (waiting_tls_.empty()) return false;
  // Nobody is to wait for the verifier here: meanwhile the ring would not be emptied.
  if (late_.wait_for(std::chrono::seconds(0)) == std::future_status::timeout) return true;
  const auto program = late("on_tls", skeleton_->progs.on_tls);
  for (const auto& waiting : std::exchange(waiting_tls_, {})) {
    const auto process = go_processes_.find(waiting.tgid);
    if (process == go_processes_.end() || process->second.program != waiting.program) continue;
    auto probes = program ? Uprobes::attach(*program, waiting.file, waiting.places, waiting.tgid)
                          : Result<Uprobes>(std::unexpected(program.error()));
    if (probes) {
      process->second.probes.push_back(std::move(*probes));
    } else {
      spdlog::info("what process {} says by TLS is not seen: {}", waiting.tgid, probes.error().message);
    }
  }
  return false;
}

void KernelImpl::release_goroutines(pid_t tgid) {
  const auto found = go_processes_.find(tgid);
  if (found == go_processes_.end()) return;
  const auto key = static_cast<__u32>(tgid);
  process_entry entry{};
  if (!bpf_map__lookup_elem(skeleton_->maps.processes, &key, sizeof key, &entry, sizeof entry, 0) &&
      entry.go == found->second.program) {
    process_go_args threads{.tgid = key, .program = 0, .execs = entry.execs, .rests = false, .result = 0};
    change_go(threads);  // unless it has ended or executes another program by now
  }
  bpf_map_delete_elem(late_tables_->fd_of(skeleton_->maps.go_processes), &key);
  forget_start_sites(found->second.program);
  forget_stream_sends(found->second.program);
  probe_ends_.take(std::move(found->second.probes));
  probe_ends_.take(std::move(found->second.births));
  go_processes_.erase(found);
}

void KernelImpl::untrace_goroutines(pid_t tgid) {
  release_goroutines(tgid);
  forget_tasks(static_cast<__u32>(tgid));  // after an exec nothing else tells of their ends
}

std::map<pid_t, GoroutineFindings> KernelImpl::goroutine_findings() {
  std::map<pid_t, GoroutineFindings> all;
  const int map = late_tables_->fd_of(skeleton_->maps.go_processes);
  __u32 key = 0, next = 0;
  for (int error = bpf_map_get_next_key(map, nullptr, &next); !error; error = bpf_map_get_next_key(map, &key, &next)) {
    key = next;
    go_process go{};
    if (bpf_map_lookup_elem(map, &key, &go)) continue;
    all[static_cast<pid_t>(key)] = {.program = go.program,
                                    .refuted = go.refuted != 0,
                                    .unproven = go.unproven && go.proofs < GO_PROOFS,
                                    .sites_learned = go.sites_learned,
                                    .sites_off = go.sites_off,
                                    .births = go.births,
                                    .births_in_vain = go.idle_births};
  }
  return all;
}

void KernelImpl::forget_start_sites(__u32 program) {
  const int map = late_tables_->fd_of(skeleton_->maps.start_sites);
  for (const start_site_key& site : start_sites_of(program)) bpf_map_delete_elem(map, &site);
}

// What its goroutines had handed over to be sent, and nobody has.
void KernelImpl::forget_stream_sends(__u32 program) {
  const int map = late_tables_->fd_of(skeleton_->maps.go_stream_sends);
  const auto of_program = [=](const go_stream_key& key) { return static_cast<__u32>(key.task.owner) == program; };
  for (const auto& key : keys_of<go_stream_key>(map, of_program)) bpf_map_delete_elem(map, &key);
}

std::vector<start_site_key> KernelImpl::start_sites_of(__u32 program) {
  return keys_of<start_site_key>(late_tables_->fd_of(skeleton_->maps.start_sites),
                                 [=](const start_site_key& key) { return key.program == program; });
}

}  // namespace weft
