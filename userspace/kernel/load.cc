// SPDX-License-Identifier: Apache-2.0
// From an object file to running programs. Whatever fails half-way is undone by the owners.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>
#include <system_error>

#include "kernel/capture_hook.h"
#include "kernel/cgroup.h"
#include "kernel/kernel_impl.h"
#include "wire/late_tables.h"
#include "wire/settings.h"

namespace weft {
namespace {

// The program that libbpf could not load last, in this thread: when a whole object is refused only its log says which.
thread_local std::string refused_program;

int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (std::string_view(format).starts_with("libbpf: prog '%s': BPF program load failed")) {
    va_list again;
    va_copy(again, arguments);
    refused_program = va_arg(again, const char*);
    va_end(again);
  }
  if (level == LIBBPF_DEBUG || !spdlog::should_log(spdlog::level::debug)) return 0;
  char line[1024];
  std::vsnprintf(line, sizeof line, format, arguments);
  std::size_t end = std::strlen(line);
  while (end > 0 && line[end - 1] == '\n') line[--end] = 0;
  spdlog::debug("libbpf: {}", line);
  return 0;
}

kernel_settings settings_of(const KernelOptions& options, std::uint32_t scratch_slots) {
  kernel_settings settings{};
  const auto set = [&settings](bool on, std::uint32_t flag) { settings.flags |= on ? flag : 0; };
  set(options.response_text, SETTING_RESPONSE_TEXT);
  set(options.discard_events, SETTING_DISCARD_EVENTS);
  settings.header_bytes = std::min<std::uint32_t>(options.header_bytes, 4096);
  settings.scratch_slots = scratch_slots;
  if (getrandom(settings.seed, sizeof settings.seed, 0) != sizeof settings.seed) {
    std::random_device source;
    for (auto& seed : settings.seed) seed = std::uint64_t{source()} << 32 | source();
  }
  std::ranges::copy(options.record_key, settings.record_key);
  if (options.trace_id_header.size() <= sizeof settings.trace_name) {
    std::memcpy(settings.trace_name, options.trace_id_header.data(), options.trace_id_header.size());
    settings.trace_name_bytes = static_cast<std::uint32_t>(options.trace_id_header.size());
  }
  settings.bulk_bytes = options.bulk_bytes;
  return settings;
}

}  // namespace

std::string errno_text(int error) {
  char buffer[128];
  return strerror_r(error < 0 ? -error : error, buffer, sizeof buffer);
}

bool is_forbidden(int error) { return std::abs(error) == EPERM || std::abs(error) == EACCES; }

namespace {

std::unexpected<Error> refused(const std::string& what, int error, bool forbidden) {
  const auto now = {ENOMEM, EMFILE, ENFILE, EAGAIN, EINTR, ENOSPC};  // what may be otherwise in a minute
  return std::unexpected(
      Error{.message = fmt::format("{}: {}; {}", what, errno_text(error),
                                   forbidden ? kAllowBpf : "weft doctor tries each mechanism of this kernel"),
            .kernel_refuses = std::ranges::find(now, std::abs(error)) == now.end()});
}

}  // namespace

std::unexpected<Error> refused_by_kernel(const std::string& what, int error) {
  return refused(what, error, is_forbidden(error));
}

bool programs_are_forbidden() {
  const bpf_insn nothing[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  const UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "weft_nothing", "GPL", nothing, std::size(nothing), nullptr));
  return !program && is_forbidden(errno);
}

std::unexpected<Error> load_refused(const std::string& what, int error) {
  return refused(what, error, is_forbidden(error) && programs_are_forbidden());
}

Result<std::unique_ptr<Kernel>> Kernel::load(const KernelOptions& options) {
  libbpf_set_print(log_libbpf);
  const std::string cgroup = options.cgroup.empty() ? find_cgroup2_mount() : options.cgroup;
  if (cgroup.empty())
    return fail("no cgroup v2 mount found in /proc/mounts: mount one (mount -t cgroup2 none /sys/fs/cgroup/unified)");

  Skeleton skeleton(weft_bpf__open());
  if (!skeleton) return fail(fmt::format("the kernel programs cannot be opened: {}", errno_text(errno)));
  const int processors = std::max(2, libbpf_num_possible_cpus());
  const std::uint32_t slots = 4 * static_cast<std::uint32_t>(processors);
  auto* settings = const_cast<kernel_settings*>(&skeleton->rodata->settings);
  *settings = settings_of(options, slots);
  bpf_map__set_max_entries(skeleton->maps.scratch_slots, slots);
  const std::uint32_t lanes = std::min(ID_LANES, slots / 4);
  bpf_map__set_max_entries(skeleton->maps.exchanges, EXCHANGE_PLACES(lanes));
  bpf_map__set_max_entries(skeleton->maps.unsampled_slots, UNSAMPLED_SLOTS(lanes));
  for (bpf_map* forgets : {skeleton->maps.kafka_requests, skeleton->maps.opaque_traces})
    bpf_map__set_max_entries(forgets, std::max(bpf_map__max_entries(forgets), LRU_FREE * slots / 4));
  bpf_map__set_max_entries(skeleton->maps.ring, options.ring_bytes);
  bpf_map__set_max_entries(skeleton->maps.members, options.max_connections);
  const bool answers = options.enrol && options.answer_headers.any();
  if (options.answer_headers.any() && !answers)
    spdlog::warn(
        "propagation.response_header: no socket can become a member here (weft doctor: sk_msg): nothing is added");
  if (answers) bpf_map__set_max_entries(skeleton->maps.answerers, options.max_connections);
  KernelOptions chosen = options;
  if (chosen.capture == CaptureHook::automatic) chosen.capture = choose_capture(chosen.capture).hook;
  Parts parts, late;
  bpf_program__set_autoload(skeleton->progs.on_message, false);
  if (options.enrol) parts.take(skeleton->progs.on_message);
  bpf_program__set_autoload(skeleton->progs.on_answer, false);
  if (answers) parts.take(skeleton->progs.on_answer);
  select_hook(*skeleton, chosen.capture, options.max_connections, parts);
  for (auto* program : {skeleton->progs.on_ioctl, skeleton->progs.on_goroutine, skeleton->progs.on_tls,
                        skeleton->progs.on_kafka_produce, skeleton->progs.on_kafka_produce_go,
                        skeleton->progs.on_kafka_consume, skeleton->progs.on_kafka_consumed,
                        skeleton->progs.on_kafka_consume_go, skeleton->progs.on_openssl, skeleton->progs.on_grpc_core})
    prepare_uprobe(program);
  auto tables = std::make_unique<LateTables>(*skeleton);
  late.take(skeleton->progs.on_tls);
  late.take(skeleton->progs.on_kafka_consumed);
  bpf_program__set_autoload(skeleton->progs.on_kafka_consume_go, false);
  if (options.go_consumers) late.take(skeleton->progs.on_kafka_consume_go);
  refused_program.clear();
  if (const int error = weft_bpf__load(skeleton.get()))
    return load_refused(refused_program.empty() ? "the kernel refuses the programs"
                                                : fmt::format("the kernel refuses the programs ({})", refused_program),
                        error);
  if (const auto loaded = parts.load(*skeleton); !loaded) return std::unexpected(loaded.error());

  chosen.cgroup = cgroup;
  auto kernel =
      std::make_unique<KernelImpl>(std::move(skeleton), std::move(parts), std::move(late), std::move(tables), chosen);
  if (auto open = kernel->policy_maps().publish_open(); !open) return std::unexpected(open.error());
  if (auto attached = kernel->attach(); !attached) return std::unexpected(attached.error());
  return kernel;
}

Result<void> KernelImpl::attach() {
  auto ring = RingSource::open(bpf_map__fd(skeleton_->maps.ring), bpf_map__max_entries(skeleton_->maps.ring));
  if (!ring) return std::unexpected(ring.error());
  ring_ = std::move(*ring);
  tell_time();
  if (options_.stats) stats_ = UniqueFd(bpf_enable_stats(BPF_STATS_RUN_TIME));

  if (answers())
    if (auto attached = attach_answerers(); !attached) return attached;
  const auto keep = [this](bpf_link* link, const char* name) -> Result<void> {
    if (!link) return refused_by_kernel(fmt::format("{} cannot be attached", name), errno);
    links_.emplace_back(link);
    return {};
  };
  auto& programs = skeleton_->progs;
  for (auto* program : {programs.on_fork, programs.on_exec, programs.on_exit, programs.on_state, programs.on_destroy})
    if (auto kept = keep(bpf_program__attach(program), bpf_program__name(program)); !kept) return kept;
  if (auto attached = attach_hook(*skeleton_, options_.capture, links_); !attached) return attached;
  if (const int error = visit_open_files(programs.on_sweep, ::getpid())) return refused_by_kernel("iterators", -error);
  parts_.forget_objects();
  ::malloc_trim(0);  // before the next ones are loaded: that is when most memory is needed
  if (auto set = set_propagation(options_.propagation); !set) return set;
  const auto load_late = [this] {
    const auto loaded = late_parts_.load(*skeleton_);
    if (has_uprobe_multi()) late_parts_.forget_objects();
    if (!loaded) spdlog::warn("TLS and consumers of Kafka are not followed: {}", loaded.error().message);
    ::malloc_trim(0);  // that took far more memory than running it does
    return loaded;
  };
  try {
    late_ = std::async(options_.late_at_need ? std::launch::deferred : std::launch::async, load_late).share();
  } catch (const std::system_error&) {  // no more threads
    late_ = std::async(std::launch::deferred, load_late).share();
  }
  return {};
}

Result<UprobeProgram> KernelImpl::late(std::string_view name, bpf_program*& place) {
  if (const auto& loaded = late_.get(); !loaded) return std::unexpected(loaded.error());
  return UprobeProgram{late_parts_.fd_of(name), place};
}

// The program hangs on the map: when the agent dies, both go and the sockets are plain again.
Result<void> KernelImpl::attach_members() {
  if (const int error = members_attached_
                            ? 0
                            : bpf_prog_attach(parts_.fd_of("on_message"), bpf_map__fd(skeleton_->maps.members),
                                              BPF_SK_MSG_VERDICT, 0))
    return refused_by_kernel("on_message cannot be attached", error);
  members_attached_ = true;
  return attach_sockops();
}

Result<void> KernelImpl::attach_answerers() {
  if (const int error =
          bpf_prog_attach(parts_.fd_of("on_answer"), bpf_map__fd(skeleton_->maps.answerers), BPF_SK_MSG_VERDICT, 0))
    return refused_by_kernel("on_answer cannot be attached", error);
  const AnswerHeaders& wanted = options_.answer_headers;
  skeleton_->bss->answer_headers =
      (wanted.x_trace_id ? ANSWER_X_TRACE_ID : 0u) | (wanted.traceresponse ? ANSWER_TRACERESPONSE : 0u);
  return attach_sockops();
}

// What puts sockets under both.
Result<void> KernelImpl::attach_sockops() {
  if (sockops_) return {};
  auto& programs = skeleton_->progs;
  const UniqueFd directory(::open(options_.cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail(fmt::format("cgroup {}: {}", options_.cgroup, errno_text(errno)));
  sockops_.reset(bpf_program__attach_cgroup(programs.on_sockops, directory.get()));
  if (!sockops_) return refused_by_kernel("on_sockops cannot be attached", errno);
  return {};
}

KernelImpl::~KernelImpl() {
  sockops_.reset();
  links_.clear();
  for (auto* all : {&ioctl_probes_, &kafka_probes_, &openssl_probes_, &grpc_core_probes_})
    for (auto& [tgid, probes] : *all) probe_ends_.take(std::move(probes));
  for (auto& [tgid, process] : go_processes_) {
    probe_ends_.take(std::move(process.probes));
    probe_ends_.take(std::move(process.births));
  }
  probe_ends_.finish();
  if (members_attached_)
    bpf_prog_detach2(parts_.fd_of("on_message"), bpf_map__fd(skeleton_->maps.members), BPF_SK_MSG_VERDICT);
  if (skeleton_->bss->answer_headers)
    bpf_prog_detach2(parts_.fd_of("on_answer"), bpf_map__fd(skeleton_->maps.answerers), BPF_SK_MSG_VERDICT);
}

Result<std::unique_ptr<RingSource>> RingSource::open(int map_fd, std::size_t ring_bytes) {
  auto source = std::make_unique<RingSource>();
  source->ring_bytes_ = ring_bytes;
  source->ring_.reset(ring_buffer__new(map_fd, on_record, source.get(), nullptr));
  if (!source->ring_) return fail(fmt::format("ring buffer: {}", errno_text(errno)));
  source->wake_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event edge{.events = EPOLLIN | EPOLLET, .data = {}};
  if (!source->wake_ || ::epoll_ctl(source->wake_.get(), EPOLL_CTL_ADD, map_fd, &edge))
    return fail(fmt::format("ring buffer: {}", errno_text(errno)));
  return source;
}

// What another processor wrote is far away: the next record is on its way while this one is handled.
void RingSource::fetch_next(const void* data, std::size_t bytes) {
  constexpr std::size_t kLine = 64, kUsualRecord = 320;
  const auto* next = static_cast<const std::byte*>(data) + bytes;
  for (std::size_t at = 0; at < kUsualRecord; at += kLine) __builtin_prefetch(next + at);
}

int RingSource::on_record(void* self, void* data, std::size_t bytes) {
  auto* source = static_cast<RingSource*>(self);
  fetch_next(data, bytes);
  (*source->handler_)(EventBytes(static_cast<const std::byte*>(data), bytes));
  source->records_++;
  source->bytes_ += bytes + BPF_RINGBUF_HDR_SZ;
  return source->filled() < kMostAtOnce ? 0 : -ECANCELED;  // this one is taken, and no more
}

std::size_t RingSource::drain(const EventHandler& handler) {
  epoll_event taken;
  ::epoll_wait(wake_.get(), &taken, 1, 0);
  handler_ = &handler;
  records_ = bytes_ = 0;
  ring_buffer__consume(ring_.get());
  handler_ = nullptr;
  return records_;
}

}  // namespace weft
