// SPDX-License-Identifier: Apache-2.0
#include "kernel/grpc_core.h"

#include <array>
#include <utility>
#include <vector>

#include "kernel/kernel_impl.h"

namespace weft {
GrpcCoreTracer& grpc_core_tracer(Kernel& kernel) { return static_cast<KernelImpl&>(kernel); }

// In this order: nothing is noted of a call whose end is not seen.
Result<void> KernelImpl::follow_grpc_core(pid_t tgid, const std::string& file, const GrpcCorePlaces& places) {
  if (auto made = late_tables_->make(LateTables::Use::grpc_core); !made) return made;
  const auto place = [&](std::uint64_t offset, grpc_core_site site) {
    return UprobePlace{offset, grpc_core_cookie(site, &places.layout)};
  };
  const std::array all{place(places.unref, GRPC_CORE_UNREF), place(places.headers, GRPC_CORE_HEADERS),
                       place(places.batch, GRPC_CORE_BATCH)};
  auto probes = Uprobes::attach(uprobe_program(skeleton_->progs.on_grpc_core), file, all, tgid);
  if (!probes) return std::unexpected(probes.error());
  grpc_core_probes_[tgid].push_back(std::move(*probes));
  return {};
}

// In this order: whatever begins is seen to end.
Result<void> KernelImpl::follow_grpc_server(pid_t tgid, const std::string& file, const GrpcServerPlaces& places) {
  if (!grpc_core_server_layout_fits(&places.layout))
    return fail("its calls lie further apart than can be said to a probe");
  const auto place = [&](std::uint64_t offset, grpc_core_site site) {
    return UprobePlace{offset, grpc_core_server_cookie(site, &places.layout)};
  };
  std::vector<UprobePlace> all;
  for (const auto offset : places.leaves) all.push_back(place(offset, GRPC_CORE_LEAVES));
  all.push_back(place(places.resumes, GRPC_CORE_RESUMES));
  all.push_back(place(places.serves, GRPC_CORE_SERVES));
  auto probes = Uprobes::attach(uprobe_program(skeleton_->progs.on_grpc_core), file, all, tgid);
  if (!probes) return std::unexpected(probes.error());
  grpc_core_probes_[tgid].push_back(std::move(*probes));
  return {};
}

// What was noted is of this tracing of the process alone.
void KernelImpl::forget_grpc_core(pid_t tgid) {
  const auto found = grpc_core_probes_.find(tgid);
  if (found == grpc_core_probes_.end()) return;
  probe_ends_.take(std::move(found->second));
  grpc_core_probes_.erase(found);
}

}  // namespace weft
