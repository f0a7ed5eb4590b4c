// SPDX-License-Identifier: Apache-2.0
// Which flavour of the receive and send hooks this kernel takes: found by loading and attaching, never by its version.
// Private to kernel/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/kernel_impl.h"

namespace weft {

struct CaptureChoice {
  CaptureHook hook = CaptureHook::automatic;  // automatic: none works
  std::string refused;                        // those that were tried in vain, each with its reason
  bool forbidden = false;                     // … one of which is not the kernel's, but somebody's rules
};

// The first that works, in the order of their cost; a given one is the only one tried.
CaptureChoice choose_capture(CaptureHook wanted);

// The places in the kernel where a flavour hangs.
std::string capture_hook_text(CaptureHook hook);

// Of the flavours only this one is loaded, and of it what this kernel has; its large programs are taken into `parts`.
// REQUIRES: opened, not loaded.
void select_hook(weft_bpf& skeleton, CaptureHook hook, std::uint32_t max_connections, Parts& parts);
// REQUIRES: loaded as select_hook said, the parts too.
Result<void> attach_hook(weft_bpf& skeleton, CaptureHook hook, std::vector<Link>& links);

}  // namespace weft
