// SPDX-License-Identifier: Apache-2.0
// Which processes are traced, which sockets are members: typed calls on the maps and iterators.
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "kernel/kernel_impl.h"

namespace weft {
namespace {

std::uint32_t flags_of(const ProcessSettings& settings) {
  std::uint32_t flags = 0;
  if (settings.task == TaskRule::thread) flags |= PROCESS_TASK_THREAD;
  if (settings.task == TaskRule::none) flags |= PROCESS_TASK_NONE;
  if (settings.never_enrol) flags |= PROCESS_NEVER_ENROL;
  if (settings.instrumented) flags |= PROCESS_INSTRUMENTED;
  if (settings.orphans_root) flags |= PROCESS_ORPHANS_ROOT;
  if (settings.blocking_known) flags |= PROCESS_BLOCKING_KNOWN;
  return flags;
}

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// Descriptors of the process whose link `wanted` names, duplicated one after the other. Of what fails nothing is said:
// such a connection is observed and not changed.
template <typename Wanted, typename Visit>
void each_socket(pid_t tgid, Wanted wanted, Visit visit) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, tgid, 0)));
  std::error_code error;
  std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fd", tgid), error), end;
  for (; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    if (!wanted(std::filesystem::read_symlink(entry->path(), gone).native())) continue;
    const int number = std::atoi(entry->path().filename().c_str());
    const UniqueFd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    if (socket) visit(socket.get());
  }
}

std::uint64_t cookie_of(int socket) {
  std::uint64_t cookie = 0;
  socklen_t bytes = sizeof cookie;
  return ::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) ? 0 : cookie;
}

// A socket's cookie is made when somebody asks for it, which kprobes cannot: here for those the process has already.
void make_socket_cookies(pid_t tgid) {
  each_socket(
      tgid, [](const std::string& link) { return link.starts_with("socket:"); }, [](int socket) { cookie_of(socket); });
}

// "socket:[INODE]" of what listens in the network of that process. The kernel lists those first.
std::set<std::string> listening_sockets(pid_t tgid) {
  std::set<std::string> links;
  for (const char* name : {"tcp", "tcp6"}) {
    std::ifstream table(fmt::format("/proc/{}/net/{}", tgid, name));
    std::string line, field;
    for (std::getline(table, line); std::getline(table, line);) {
      std::istringstream fields(line);
      std::vector<std::string> all;
      while (all.size() < 10 && fields >> field) all.push_back(field);
      if (all.size() < 10 || all[3] != "0A") break;
      links.insert(fmt::format("socket:[{}]", all[9]));
    }
  }
  return links;
}

bool asks_for_zero_copy(int socket) {
  int value = 0;
  socklen_t bytes = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, SO_ZEROCOPY, &value, &bytes) == 0 && value;
}

}  // namespace

Result<void> KernelImpl::trace(pid_t tgid, const ProcessSettings& settings) {
  if (options_.capture == CaptureHook::kprobe) make_socket_cookies(tgid);
  process_change_args change{};
  change.tgid = static_cast<__u32>(tgid);
  change.flags = flags_of(settings);
  change.generation = ++generation_;
  change.policy_service = policy_.service_number(settings.identity);
  change.sampling_service = settings.sampling_service;
  const auto run = [&] {
    LIBBPF_OPTS(bpf_test_run_opts, with, .ctx_in = &change, .ctx_size_in = sizeof change);
    return bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.set_process), &with);
  };
  if (const int error = run()) return fail(fmt::format("process {} cannot be traced: {}", tgid, errno_text(error)));
  if (change.result) return fail(fmt::format("process {} cannot be traced: too many processes", tgid));
  if (change.fresh) {
    int error = visit_open_files(skeleton_->progs.on_accepted_before, tgid);
    change.looked_at = 1;
    if (!error) error = run();
    if (error)
      spdlog::warn("process {}: its connections cannot be looked at ({}): no call of it begins a trace", tgid,
                   errno_text(error));
  }
  if (answers() && !settings.never_enrol) mark_listeners(tgid);
  return {};
}

Result<void> KernelImpl::set_sampling(const sampling_table& table) {
  const UniqueFd fresh(bpf_map_create(BPF_MAP_TYPE_ARRAY, "sampling_table", sizeof(__u32), sizeof table, 1, nullptr));
  const __u32 zero = 0;
  const int fd = fresh.get();
  if (!fresh || bpf_map_update_elem(fd, &zero, &table, BPF_ANY) ||
      bpf_map__update_elem(skeleton_->maps.sampling_tables, &zero, sizeof zero, &fd, sizeof fd, BPF_ANY))
    return fail(fmt::format("the kernel refused a sampling table: {}", errno_text(errno)));
  return {};
}

void KernelImpl::untrace(pid_t tgid) {
  const auto key = static_cast<__u32>(tgid);
  auto& marks = skeleton_->bss->process_marks;
  if (!bpf_map__delete_elem(skeleton_->maps.processes, &key, sizeof key, 0))
    __atomic_fetch_sub(&marks[key % std::size(marks)], 1, __ATOMIC_RELAXED);
  unwatch_ioctl(tgid);
  forget_kafka_callers(tgid);
  forget_openssl(tgid);
  forget_grpc_core(tgid);
  run_sweep({.release_tgid = key});
  release_goroutines(tgid);
  forget_tasks(key);
}

// Tasks that live on without being traced would keep their entries.
void KernelImpl::forget_tasks(__u32 tgid) {
  for (const task_key& task : tasks_of(tgid)) bpf_map__delete_elem(skeleton_->maps.tasks, &task, sizeof task, 0);
}

std::vector<task_key> KernelImpl::tasks_of(__u32 tgid) {
  const bpf_map* map = skeleton_->maps.tasks;
  std::vector<task_key> all;
  task_key key{}, next{};
  for (int error = bpf_map__get_next_key(map, nullptr, &next, sizeof next); !error;
       error = bpf_map__get_next_key(map, &key, &next, sizeof next)) {
    key = next;
    if (key.owner >> 32 == tgid) all.push_back(key);
  }
  return all;
}

std::vector<pid_t> KernelImpl::traced() const {
  const bpf_map* map = skeleton_->maps.processes;
  std::vector<pid_t> all;
  __u32 key = 0, next = 0;
  for (int error = bpf_map__get_next_key(map, nullptr, &next, sizeof next); !error;
       error = bpf_map__get_next_key(map, &key, &next, sizeof next)) {
    key = next;
    all.push_back(static_cast<pid_t>(key));
  }
  return all;
}

std::map<pid_t, ProcessFindings> KernelImpl::findings() {
  std::map<pid_t, ProcessFindings> all;
  for (const pid_t tgid : traced()) {
    process_entry entry{};
    const auto key = static_cast<__u32>(tgid);
    if (bpf_map__lookup_elem(skeleton_->maps.processes, &key, sizeof key, &entry, sizeof entry, 0)) continue;
    auto& found = all[tgid];
    found.nonblocking_server = entry.findings & FINDING_NONBLOCKING;
    found.overlapping = entry.findings & FINDING_OVERLAPPING;
    found.event_loop = found.nonblocking_server || found.overlapping;
    found.inherit_off = entry.findings & FINDING_INHERIT_OFF;
    found.kafka_blocks = entry.findings & FINDING_KAFKA_BLOCKS;
    found.kafka_shared = entry.findings & FINDING_KAFKA_SHARED;
    found.kafka_unread = entry.findings & FINDING_KAFKA_UNREAD;
    found.http2_writer = entry.findings & FINDING_HTTP2_WRITER;
    found.grpc_core = entry.findings & FINDING_GRPC_CORE;
    found.grpc_server = entry.findings & FINDING_GRPC_SERVER;
    found.http2_writers = entry.findings & FINDING_HTTP2_WRITERS;
    found.inherits = !found.inherit_off && entry.good_births[0] >= INHERIT_AFTER_BIRTHS;
    found.live_exchanges = entry.live > 0 ? static_cast<std::uint64_t>(entry.live) : 0;
    found.connections = entry.connections;
  }
  return all;
}

std::optional<StreamProgress> KernelImpl::stream_progress(std::uint64_t connection_id, std::uint32_t stream) {
  const stream_key key{.connection_id = connection_id, .stream = stream, .reserved = 0};
  struct stream entry{};
  if (bpf_map__lookup_elem(skeleton_->maps.streams, &key, sizeof key, &entry, sizeof entry, 0)) return std::nullopt;
  const auto messages = [](const stream_flow& flow) {
    return flow.other ? std::nullopt : std::optional<std::uint32_t>(flow.messages);
  };
  return StreamProgress{.request_bytes = entry.request.bytes,
                        .response_bytes = entry.response.bytes,
                        .request_messages = messages(entry.request),
                        .response_messages = messages(entry.response)};
}

// Sockets that listen already; what listens later is marked in the kernel.
void KernelImpl::mark_listeners(pid_t tgid) {
  const std::set<std::string> listening = listening_sockets(tgid);
  each_socket(
      tgid, [&](const std::string& link) { return listening.contains(link); },
      [&](int socket) {
        const listener mark{.id = cookie_of(socket)};
        if (mark.id)
          bpf_map__update_elem(skeleton_->maps.listeners, &socket, sizeof socket, &mark, sizeof mark, BPF_ANY);
      });
}

void KernelImpl::release_socket(std::uint64_t connection_id) {
  bpf_map__delete_elem(skeleton_->maps.members, &connection_id, sizeof connection_id, 0);
  if (answers()) bpf_map__delete_elem(skeleton_->maps.answerers, &connection_id, sizeof connection_id, 0);
}

void KernelImpl::run_sweep(const sweep_order& order) {
  const std::lock_guard lock(sweep_mutex_);
  skeleton_->bss->sweep = order;
  if (!++sweeps_) ++sweeps_;
  skeleton_->bss->sweep.number = sweeps_;
  if (order.release_tgid && order.release_tgid != ~0u) {
    visit_open_files(skeleton_->progs.on_sweep, static_cast<pid_t>(order.release_tgid));
  } else {
    for (const pid_t tgid : traced()) visit_open_files(skeleton_->progs.on_sweep, tgid);
    connections_seen_ = skeleton_->bss->sweep.seen;
  }
  const auto run = [](const bpf_program* program) {
    __u64 nothing = 0;
    LIBBPF_OPTS(bpf_test_run_opts, with, .ctx_in = &nothing, .ctx_size_in = sizeof nothing);
    bpf_prog_test_run_opts(bpf_program__fd(program), &with);
  };
  if (options_.capture == CaptureHook::kprobe && !order.release_tgid) run(skeleton_->progs.sweep_left);
  if (late_tables_->fd_of(skeleton_->maps.tls_connections) >= 0) run(skeleton_->progs.sweep_tls);
}

void KernelImpl::release_members(pid_t tgid) {
  run_sweep({.release_tgid = static_cast<__u32>(tgid), .keep_observing = 1});
}

bool KernelImpl::enrol_socket(pid_t tgid, int fd, std::uint64_t connection_id, bool for_answers) {
  if (!for_answers && !enrols_) return false;  // it was asked for before
  const auto key = static_cast<__u32>(tgid);
  process_entry entry{};
  if (bpf_map__lookup_elem(skeleton_->maps.processes, &key, sizeof key, &entry, sizeof entry, 0) ||
      (entry.flags & PROCESS_NEVER_ENROL))
    return false;
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, tgid, 0)));
  if (!process) return false;
  const UniqueFd socket(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
  if (!socket) return false;
  if (cookie_of(socket.get()) != connection_id) return false;
  if (asks_for_zero_copy(socket.get())) return false;  // a member's sends are notified more than once
  if (for_answers && !(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK)) return false;
  const __u32 value = static_cast<__u32>(socket.get());
  release_socket(connection_id);  // a fresh member: no verdict of an earlier one sticks to it
  const bpf_map* map = for_answers ? skeleton_->maps.answerers : skeleton_->maps.members;
  return !bpf_map__update_elem(map, &connection_id, sizeof connection_id, &value, sizeof value, BPF_NOEXIST);
}

void KernelImpl::sweep() {
  tell_time();
  const auto now = monotonic_ns();
  const auto ago = [now](std::uint64_t ns) { return now > ns ? now - ns : 0; };
  const std::uint64_t before = ago(options_.idle_timeout_ns);
  run_sweep({.idle_before_ns = before, .streams_before_ns = ago(options_.stream_timeout_ns)});
  if (!kafka_probes_.empty()) release_records({.tgid = 0, .before_ns = before});
}

void KernelImpl::stop_changing() {
  sockops_.reset();  // no new members
  run_sweep({.release_tgid = ~0u});
}

Result<void> KernelImpl::watch_ioctl(pid_t tgid, const std::string& libc, std::uint64_t offset) {
  const UprobePlace place{offset, 0};
  auto probes = Uprobes::attach(uprobe_program(skeleton_->progs.on_ioctl), libc, std::span(&place, 1), tgid);
  if (!probes) return std::unexpected(probes.error());
  ioctl_probes_[tgid].push_back(std::move(*probes));
  return {};
}

void KernelImpl::unwatch_ioctl(pid_t tgid) {
  const auto found = ioctl_probes_.find(tgid);
  if (found == ioctl_probes_.end()) return;
  probe_ends_.take(std::move(found->second));
  ioctl_probes_.erase(found);
}

}  // namespace weft
