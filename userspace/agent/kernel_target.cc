// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel_target.h"

#include <spdlog/spdlog.h>

namespace weft {

Result<void> KernelTarget::trace(pid_t pid, const ProcessSettings& settings) {
  ProcessSettings numbered = settings;
  numbered.sampling_service = sampling_.number_of(settings.service);
  if (auto traced = kernel_.trace(pid, numbered); !traced) return traced;
  if (settings.never_enrol) kernel_.release_members(pid);
  watch(pid, settings);
  return {};
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
  return watched_.size();
}

}  // namespace weft
