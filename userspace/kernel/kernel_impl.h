// SPDX-License-Identifier: Apache-2.0
// The loaded programs. Private to kernel/.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel/goroutines.h"
#include "kernel/grpc_core.h"
#include "kernel/kafka_callers.h"
#include "kernel/kernel.h"
#include "kernel/late_tables.h"
#include "kernel/link.h"
#include "kernel/openssl.h"
#include "kernel/parts.h"
#include "kernel/policy_maps_impl.h"
#include "kernel/probe_ends.h"
#include "kernel/skeleton.h"
#include "kernel/unique_fd.h"
#include "kernel/uprobes.h"
#include "wire/go.h"
#include "wire/kafka_consume.h"
#include "wire/sampling.h"
#include "wire/settings.h"
#include "wire/streams.h"

namespace weft {

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

class RingSource final : public EventSource {
 public:
  static Result<std::unique_ptr<RingSource>> open(int map_fd, std::size_t ring_bytes);
  std::size_t drain(const EventHandler& handler) override;
  double filled() const override { return static_cast<double>(bytes_) / static_cast<double>(ring_bytes_); }
  int wake_fd() const override { return wake_.get(); }

 private:
  static int on_record(void* self, void* data, std::size_t bytes);
  static void fetch_next(const void* data, std::size_t bytes);
  std::unique_ptr<ring_buffer, RingDeleter> ring_;
  UniqueFd wake_;  // epoll, edge-triggered: level-triggered it would say "readable" of every record
  const EventHandler* handler_ = nullptr;
  std::size_t ring_bytes_ = 1;
  std::size_t records_ = 0, bytes_ = 0;  // of the last drain
};

class KernelImpl final : public Kernel,
                         public GoroutineTracer,
                         public KafkaCallerNotes,
                         public OpensslTracer,
                         public GrpcCoreTracer {
 public:
  // `late` is not loaded yet.
  KernelImpl(Skeleton skeleton, Parts parts, Parts late, std::unique_ptr<LateTables> tables,
             const KernelOptions& options)
      : skeleton_(std::move(skeleton)),
        parts_(std::move(parts)),
        late_parts_(std::move(late)),
        options_(options),
        late_tables_(std::move(tables)),
        policy_({bpf_map__fd(skeleton_->maps.policy_generations), bpf_map__fd(skeleton_->maps.policy_counts),
                 bpf_map__fd(skeleton_->maps.policy_services), bpf_map__fd(skeleton_->maps.unenforced_connections),
                 &skeleton_->bss->policy_always}) {}
  ~KernelImpl() override;

  Result<void> attach();

  EventSource& events() override { return *ring_; }
  Result<void> trace(pid_t tgid, const ProcessSettings& settings) override;
  Result<void> set_sampling(const sampling_table& table) override;
  Result<void> set_propagation(const PropagationOptions& propagation) override;
  void untrace(pid_t tgid) override;
  std::map<pid_t, ProcessFindings> findings() override;
  void release_socket(std::uint64_t connection_id) override;
  void release_members(pid_t tgid) override;
  bool enrol_socket(pid_t tgid, int fd, std::uint64_t connection_id, bool for_answers) override;
  void sweep() override;
  std::optional<StreamProgress> stream_progress(std::uint64_t connection_id, std::uint32_t stream) override;
  KernelCounters counters() override;
  void stop_changing() override;
  Result<void> watch_ioctl(pid_t tgid, const std::string& libc, std::uint64_t offset) override;
  void unwatch_ioctl(pid_t tgid) override;
  PolicyMaps& policy() override { return policy_; }
  Result<void> loaded_late() override { return late_.get(); }
  PolicyMapsImpl& policy_maps() { return policy_; }
  std::uint32_t executions(pid_t tgid) override;
  Result<void> trace_goroutines(pid_t tgid, const GoroutineSettings& settings, std::uint32_t executed) override;
  void untrace_goroutines(pid_t tgid) override;
  Result<void> rest_goroutines(pid_t tgid, bool rest) override;
  bool attach_late() override;
  std::map<pid_t, GoroutineFindings> goroutine_findings() override;
  bool serves(pid_t tgid) override;
  Result<void> note_kafka_callers(pid_t tgid, const std::string& file, std::span<const KafkaCallSite> sites) override;
  bool calls(pid_t tgid) override;
  Result<void> expect_kafka() override;
  Result<void> follow_kafka_consumers(pid_t tgid, const std::string& file, std::span<const KafkaConsumeSite> sites,
                                      const kafka_consume_layout& layout) override;
  Result<void> follow_go_consumers(pid_t tgid, const std::string& file, std::span<const GoConsumeSite> sites) override;
  void choose_kafka_topic(std::string_view topic) override;
  void forget_kafka_topics() override;
  void forget_kafka_callers(pid_t tgid) override;
  bool follows_openssl() override;
  Result<void> follow_openssl(pid_t tgid, const std::string& file, std::span<const OpensslPlace> places) override;
  bool speaks_tls(pid_t tgid) override;
  void forget_openssl(pid_t tgid) override;
  Result<void> follow_grpc_core(pid_t tgid, const std::string& file, const GrpcCorePlaces& places) override;
  Result<void> follow_grpc_server(pid_t tgid, const std::string& file, const GrpcServerPlaces& places) override;
  void forget_grpc_core(pid_t tgid) override;

 private:
  bool found(pid_t tgid, std::uint32_t finding);
  Result<void> attach_members();
  Result<void> attach_answerers();
  Result<void> attach_sockops();
  bool answers() const { return options_.enrol && options_.answer_headers.any(); }
  void mark_listeners(pid_t tgid);
  void set_propagation_word(const propagation& form);
  int swap_destinations(int table);
  Result<void> change_destinations(const std::vector<DestinationRule>& rules, const propagation& form);
  void release_records(release_order order);
  void forget_objects(__u32 tgid);
  void forget_tasks(__u32 tgid);
  void release_goroutines(pid_t tgid);
  void forget_start_sites(__u32 program);
  void forget_stream_sends(__u32 program);
  void run_sweep(const sweep_order& order);
  std::vector<pid_t> traced() const;
  void tell_time();
  void add_program_runs(KernelCounters& counters);
  void add_map_fill(KernelCounters& counters);

  // A program of late_parts_, which may have to be waited for.
  Result<UprobeProgram> late(std::string_view name, bpf_program*& place);

  Skeleton skeleton_;
  Parts parts_, late_parts_;
  std::shared_future<Result<void>> late_;  // the latter's loading
  KernelOptions options_;
  std::unique_ptr<LateTables> late_tables_;
  PolicyMapsImpl policy_;
  std::unique_ptr<RingSource> ring_;
  std::vector<Link> links_;
  Link sockops_;
  ProbeEnds probe_ends_;
  std::map<pid_t, std::vector<Uprobes>> ioctl_probes_, kafka_probes_, openssl_probes_, grpc_core_probes_;
  struct GoProcess {
    std::uint32_t program = 0, executed = 0;
    UniqueFd file;
    std::vector<UprobePlace> birth_places;  // and others that may rest
    std::vector<Uprobes> probes, births;
  };
  Result<void> attach_go(pid_t tgid, const GoProcess& process, std::span<const UprobePlace> places,
                         std::vector<Uprobes>& probes);
  Result<void> set_go(pid_t tgid, const GoProcess& process, bool rests);
  int change_go(process_go_args& change);  // 0, or an error of the system call
  std::vector<task_key> tasks_of(__u32 tgid);
  void forget_goroutines(pid_t tgid);
  void learn_anew(__u32 program);
  std::vector<start_site_key> start_sites_of(__u32 program);
  std::map<pid_t, GoProcess> go_processes_;
  struct WaitingTls {
    pid_t tgid = 0;
    std::uint32_t program = 0;
    std::string file;
    std::vector<UprobePlace> places;
  };
  std::vector<WaitingTls> waiting_tls_;
  std::atomic<std::uint32_t> go_programs_ = 0;
  UniqueFd stats_;
  std::mutex sweep_mutex_;  // the sweep order is one place in memory
  __u32 sweeps_ = 0;
  std::uint32_t generation_ = 0;
  std::uint64_t connections_seen_ = 0;
  bool members_attached_ = false;
  UniqueFd destinations_;                           // the table in force …
  std::vector<DestinationRule> destination_rules_;  // … and what it says
  propagation propagation_{};                       // the word in force
  std::atomic<bool> enrols_ = false;                // … of which: anything is written at all
};

std::string errno_text(int error);  // "Operation not permitted"
bool is_forbidden(int error);  // … or "Permission denied": of a process that has the capabilities, by somebody's rules
// What to do then.
inline constexpr const char* kAllowBpf =
    "have the container's seccomp profile and the security module (AppArmor, SELinux, …) allow it, and do not run in a "
    "user namespace";
// The kernel does not take what the agent needs: what, why, what to do.
std::unexpected<Error> refused_by_kernel(const std::string& what, int error);
// Loading says the same of what the verifier or the kernel's lockdown does not take. Is even a program refused that
// does nothing?
bool programs_are_forbidden();
std::unexpected<Error> load_refused(const std::string& what, int error);

}  // namespace weft
