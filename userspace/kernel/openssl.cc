// SPDX-License-Identifier: Apache-2.0
#include "kernel/openssl.h"

#include <chrono>
#include <utility>
#include <vector>

#include "kernel/kernel_impl.h"

namespace weft {
OpensslTracer& openssl_tracer(Kernel& kernel) { return static_cast<KernelImpl&>(kernel); }

bool KernelImpl::follows_openssl() { return late_.wait_for(std::chrono::seconds(0)) != std::future_status::timeout; }

// The returns first: whoever returns from a call that was not seen has moved nothing.
Result<void> KernelImpl::follow_openssl(pid_t tgid, const std::string& file, std::span<const OpensslPlace> places) {
  if (auto made = late_tables_->make(LateTables::Use::tls); !made) return made;
  if (auto made = late_tables_->make(LateTables::Use::openssl); !made) return made;
  const auto at_return = late("on_tls", skeleton_->progs.on_tls);
  if (!at_return) return std::unexpected(at_return.error());
  std::vector<UprobePlace> calls, returns;
  for (const auto& place : places) {
    if (place.above)
      returns.push_back({place.offset, place.site | std::uint64_t{*place.above} << 32});
    else
      calls.push_back({place.offset, place.site});
  }
  auto returned = Uprobes::attach(*at_return, file, returns, tgid);
  if (!returned) return std::unexpected(returned.error());
  openssl_probes_[tgid].push_back(std::move(*returned));
  auto called = Uprobes::attach(uprobe_program(skeleton_->progs.on_openssl), file, calls, tgid);
  if (!called) return std::unexpected(called.error());
  openssl_probes_[tgid].push_back(std::move(*called));
  return {};
}

bool KernelImpl::speaks_tls(pid_t tgid) { return found(tgid, FINDING_TLS); }

void KernelImpl::forget_openssl(pid_t tgid) {
  const auto found = openssl_probes_.find(tgid);
  if (found == openssl_probes_.end()) return;
  // Until they are gone they may still make entries.
  probe_ends_.take(std::move(found->second), [this, key = static_cast<__u32>(tgid)] { forget_objects(key); });
  openssl_probes_.erase(found);
}

// Not what it has begun since it is traced again.
void KernelImpl::forget_objects(__u32 tgid) {
  const int map = late_tables_->fd_of(skeleton_->maps.openssl_sessions);
  process_entry now{};
  bpf_map__lookup_elem(skeleton_->maps.processes, &tgid, sizeof tgid, &now, sizeof now, 0);
  std::vector<openssl_object> all;
  openssl_object key{}, next{};
  for (int error = bpf_map_get_next_key(map, nullptr, &next); !error; error = bpf_map_get_next_key(map, &key, &next)) {
    key = next;
    openssl_session session{};
    if (key.tgid == tgid && !bpf_map_lookup_elem(map, &key, &session) && session.generation != now.generation)
      all.push_back(key);
  }
  for (const auto& object : all) bpf_map_delete_elem(map, &object);
}

}  // namespace weft
