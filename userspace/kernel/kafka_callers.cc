// SPDX-License-Identifier: Apache-2.0
#include "kernel/kafka_callers.h"

#include <ctime>

#include "kernel/kernel_impl.h"
#include "wire/kafka_note.h"

namespace weft {
namespace {

kafka_call_site cookie_of(KafkaCallSite::Call call) {
  switch (call) {
    case KafkaCallSite::Call::produce:
      return KAFKA_CALL_PRODUCE;
    case KafkaCallSite::Call::producev:
      return KAFKA_CALL_PRODUCEV;
    case KafkaCallSite::Call::produceva:
      return KAFKA_CALL_PRODUCEVA;
    case KafkaCallSite::Call::produce_batch:
      break;
  }
  return KAFKA_CALL_PRODUCE_BATCH;
}

}  // namespace

KafkaCallerNotes& kafka_caller_notes(Kernel& kernel) { return static_cast<KernelImpl&>(kernel); }

bool KernelImpl::serves(pid_t tgid) {
  const auto key = static_cast<__u32>(tgid);
  process_entry entry{};
  return !bpf_map__lookup_elem(skeleton_->maps.processes, &key, sizeof key, &entry, sizeof entry, 0) &&
         (entry.findings & FINDING_SERVES);
}

Result<void> KernelImpl::note_kafka_callers(pid_t tgid, const std::string& file, std::span<const KafkaCallSite> sites) {
  std::vector<UprobePlace> places;
  for (const auto& site : sites) places.push_back({site.offset, cookie_of(site.call)});
  auto probes = Uprobes::attach(skeleton_->progs.on_kafka_produce, file, places, tgid);
  if (!probes) return std::unexpected(probes.error());
  kafka_probes_[tgid].push_back(std::move(*probes));
  return {};
}

void KernelImpl::forget_kafka_callers(pid_t tgid) {
  const auto found = kafka_probes_.find(tgid);
  if (found == kafka_probes_.end()) return;
  probe_ends_.take(std::move(found->second));
  kafka_probes_.erase(found);
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
