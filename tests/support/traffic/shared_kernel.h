// SPDX-License-Identifier: Apache-2.0
// The kernel side, loaded once for the cases of a test program that want the same of it: loading takes a second, and an
// emulated machine ten. What one case leaves in the maps is a failure of the next.
#pragma once

#include <memory>

#include "kernel/kernel.h"

namespace weft::test {

// Goes back when it ends, for the next one that asks with the same options. One at a time.
class SharedKernel {
 public:
  static Result<SharedKernel> take(const KernelOptions& options);
  SharedKernel(SharedKernel&&) noexcept = default;
  SharedKernel& operator=(SharedKernel&&) = delete;
  ~SharedKernel();

  Kernel* operator->() const { return kernel_.get(); }
  Kernel& operator*() const { return *kernel_; }
  // Since it was taken; fills of maps are as they are.
  KernelCounters counters() const;
  // The next one is to be loaded anew: what this case did cannot be undone.
  void spend() { spent_ = true; }

 private:
  SharedKernel(std::unique_ptr<Kernel> kernel, KernelOptions options);

  std::unique_ptr<Kernel> kernel_;
  KernelOptions options_;
  KernelCounters before_;
  bool spent_ = false;
};

// Nothing is loaded from now on, and what is taken next is fresh.
void unload_shared_kernel();

}  // namespace weft::test
