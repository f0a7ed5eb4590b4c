// SPDX-License-Identifier: Apache-2.0
// Stands in for the kernel library where a build has none: loading says so.
#include "kernel/kernel.h"

namespace weft {
Result<std::unique_ptr<Kernel>> Kernel::load(const KernelOptions&) { return fail("built without the kernel library"); }
std::string_view capture_hook_name(CaptureHook) { return {}; }
}  // namespace weft
