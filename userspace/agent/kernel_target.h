// SPDX-License-Identifier: Apache-2.0
// Carries discovery's decisions to the kernel programs, and watches for FIONREAD where membership breaks it.
#pragma once

#include <mutex>
#include <set>

#include "discover/process_target.h"
#include "kernel/kernel.h"
#include "runtime/libc_ioctl.h"
#include "sampling/controller.h"

namespace weft {

class KernelTarget final : public ProcessTarget {
 public:
  // The references outlive the object. With `watch_fionread`, traced processes get a probe on ioctl.
  KernelTarget(Kernel& kernel, SamplingController& sampling, bool watch_fionread)
      : kernel_(kernel), sampling_(sampling), watch_fionread_(watch_fionread) {}

  Result<void> trace(pid_t pid, const ProcessSettings& settings) override;
  void untrace(pid_t pid) override;
  // From any thread.
  bool watches(pid_t pid) const;
  std::size_t probes() const;

 private:
  void watch(pid_t pid, const ProcessSettings& settings);
  void remember(pid_t pid);
  void forget(pid_t pid);

  Kernel& kernel_;
  SamplingController& sampling_;
  const bool watch_fionread_;
  LibcIoctlFinder finder_;
  mutable std::mutex mutex_;
  std::set<pid_t> watched_;
};

}  // namespace weft
