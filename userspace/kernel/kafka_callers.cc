// SPDX-License-Identifier: Apache-2.0
#include "kernel/kafka_callers.h"

#include <array>
#include <cstring>
#include <ctime>

#include "kernel/kernel_impl.h"
#include "wire/kafka_note.h"
#include "wire/kafka_topic.h"

namespace weft {
namespace {

kafka_call_site cookie_of(KafkaCallSite::Call call) {
  return static_cast<kafka_call_site>(static_cast<int>(call) + KAFKA_CALL_PRODUCE);
}
static_assert(static_cast<int>(KafkaCallSite::Call::segmentio) + KAFKA_CALL_PRODUCE == KAFKA_CALL_SEGMENTIO);

kafka_consume_site site_of(KafkaConsumeSite::Call call) {
  return static_cast<kafka_consume_site>(static_cast<int>(call) + KAFKA_CONSUME_POLL);
}
static_assert(static_cast<int>(KafkaConsumeSite::Call::ends_partition) + KAFKA_CONSUME_POLL ==
              KAFKA_CONSUME_ENDS_PARTITION);

kafka_consume_go_site site_of(GoConsumeSite::Place place) {
  return static_cast<kafka_consume_go_site>(static_cast<int>(place) + KAFKA_GO_FETCH);
}
static_assert(static_cast<int>(GoConsumeSite::Place::read) + KAFKA_GO_FETCH == KAFKA_GO_READ);

}  // namespace

KafkaCallerNotes& kafka_caller_notes(Kernel& kernel) { return static_cast<KernelImpl&>(kernel); }

bool KernelImpl::found(pid_t tgid, std::uint32_t finding) {
  const auto key = static_cast<__u32>(tgid);
  process_entry entry{};
  return !bpf_map__lookup_elem(skeleton_->maps.processes, &key, sizeof key, &entry, sizeof entry, 0) &&
         (entry.findings & finding);
}

bool KernelImpl::serves(pid_t tgid) { return found(tgid, FINDING_SERVES); }

bool KernelImpl::calls(pid_t tgid) { return found(tgid, FINDING_CALLS); }

Result<void> KernelImpl::expect_kafka() { return late_tables_->make(LateTables::Use::kafka_requests); }

Result<void> KernelImpl::note_kafka_callers(pid_t tgid, const std::string& file, std::span<const KafkaCallSite> sites) {
  if (auto made = late_tables_->make(LateTables::Use::kafka_producers); !made) return made;
  std::vector<UprobePlace> places, go_places;
  for (const auto& site : sites)
    (site.call >= KafkaCallSite::Call::franz ? go_places : places).push_back({site.offset, cookie_of(site.call)});
  auto& programs = skeleton_->progs;
  for (auto* program : {programs.on_kafka_produce, programs.on_kafka_produce_go}) {
    const auto& all = program == programs.on_kafka_produce ? places : go_places;
    if (all.empty()) continue;
    auto probes = Uprobes::attach(uprobe_program(program), file, all, tgid);
    if (!probes) return std::unexpected(probes.error());
    kafka_probes_[tgid].push_back(std::move(*probes));
  }
  return {};
}

// The call first: whoever returns from one that was not seen was given nothing.
Result<void> KernelImpl::follow_kafka_consumers(pid_t tgid, const std::string& file,
                                                std::span<const KafkaConsumeSite> sites,
                                                const kafka_consume_layout& layout) {
  std::vector<UprobePlace> calls, returns;
  for (const auto& site : sites) {
    const UprobePlace place{site.offset, kafka_consume_cookie(site_of(site.call), layout)};
    calls.push_back(place);
    if (site.call < KafkaConsumeSite::Call::ends) returns.push_back(place);
  }
  if (auto made = late_tables_->make(LateTables::Use::kafka_consumers); !made) return made;
  const auto at_return = late("on_kafka_consumed", skeleton_->progs.on_kafka_consumed);
  if (!at_return) return std::unexpected(at_return.error());
  auto called = Uprobes::attach(uprobe_program(skeleton_->progs.on_kafka_consume), file, calls, tgid);
  if (!called) return std::unexpected(called.error());
  kafka_probes_[tgid].push_back(std::move(*called));
  auto returned = Uprobes::attach(*at_return, file, returns, tgid, Uprobes::When::returns);
  if (!returned) return std::unexpected(returned.error());
  kafka_probes_[tgid].push_back(std::move(*returned));
  return {};
}

// A return whose call was not seen says nothing: the order does not matter.
Result<void> KernelImpl::follow_go_consumers(pid_t tgid, const std::string& file,
                                             std::span<const GoConsumeSite> sites) {
  std::vector<UprobePlace> places;
  for (const auto& site : sites) places.push_back({site.offset, site_of(site.place)});
  if (auto made = late_tables_->make(LateTables::Use::kafka_consumers); !made) return made;
  const auto program = late("on_kafka_consume_go", skeleton_->progs.on_kafka_consume_go);
  if (!program) return std::unexpected(program.error());
  auto probes = Uprobes::attach(*program, file, places, tgid);
  if (!probes) {
    // Some may have been there for a while, and what they told would never end.
    release_records({.tgid = static_cast<__u32>(tgid)});
    return std::unexpected(probes.error());
  }
  kafka_probes_[tgid].push_back(std::move(*probes));
  return {};
}

void KernelImpl::choose_kafka_topic(std::string_view topic) {
  const int table = late_tables_->fd_of(skeleton_->maps.kafka_topics);
  std::array<std::uint8_t, KAFKA_TOPIC_ROOM> padded{};
  if (table < 0 || topic.empty() || topic.size() > padded.size()) return;
  std::memcpy(padded.data(), topic.data(), topic.size());
  const __u64 sum = kafka_topic_sum(padded.data(), static_cast<__u32>(topic.size()));
  const __u8 chosen = 1;
  bpf_map_update_elem(table, &sum, &chosen, BPF_ANY);  // one too many stays as it is
}

void KernelImpl::forget_kafka_topics() {
  const int table = late_tables_->fd_of(skeleton_->maps.kafka_topics);
  for (__u64 sum = 0; table >= 0 && !bpf_map_get_next_key(table, nullptr, &sum);)
    if (bpf_map_delete_elem(table, &sum)) return;
}

void KernelImpl::forget_kafka_callers(pid_t tgid) {
  const auto found = kafka_probes_.find(tgid);
  if (found == kafka_probes_.end()) return;
  release_records({.tgid = static_cast<__u32>(tgid)});
  // Until then threads may still be given records.
  probe_ends_.take(std::move(found->second), [this, tgid] { release_records({.tgid = static_cast<__u32>(tgid)}); });
  kafka_probes_.erase(found);
}

void KernelImpl::release_records(release_order order) {
  LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = &order, .ctx_size_in = sizeof order);
  bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.release_records), &run);
}

// Records bear the time of CLOCK_REALTIME, of which the kernel's programs know only what leap seconds do not change.
void KernelImpl::tell_time() {
  timespec real{}, tai{};
  clock_gettime(CLOCK_REALTIME, &real);
  clock_gettime(CLOCK_TAI, &tai);
  const std::int64_t apart = (tai.tv_sec - real.tv_sec) * std::int64_t{1'000'000'000} + tai.tv_nsec - real.tv_nsec;
  skeleton_->bss->kafka_tai_ahead_ns =
      static_cast<std::uint64_t>((apart + 500'000'000) / 1'000'000'000) * 1'000'000'000;
}

}  // namespace weft
