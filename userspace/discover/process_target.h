// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "kernel/kernel.h"

namespace weft {

// Where discovery's decisions go: the kernel programs, and whatever else is attached per process.
class ProcessTarget {
 public:
  virtual ~ProcessTarget() = default;
  // Also called again for the same process when its settings change or after it has executed another program.
  virtual Result<void> trace(pid_t pid, const ProcessSettings& settings) = 0;
  virtual void untrace(pid_t pid) = 0;  // also after the process has ended
  virtual void speaks_kafka(pid_t) {}   // a traced one; told again and again
  // What trace() had to put off, tried again. True: some of it still has to wait.
  virtual bool attach_late() { return false; }
};

}  // namespace weft
