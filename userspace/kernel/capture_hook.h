// SPDX-License-Identifier: Apache-2.0
// Which flavour of the receive and send hooks this kernel takes: found by loading and attaching, never by its version.
// Private to kernel/.
#pragma once

#include <string>
#include <vector>

#include "kernel/kernel.h"

struct bpf_program;

namespace weft {

struct CaptureChoice {
  CaptureHook hook = CaptureHook::automatic;  // automatic: none works
  std::string refused;                        // those that were tried in vain, each with its reason
};

// The first that works, in the order of their cost; a given one is the only one tried.
CaptureChoice choose_capture(CaptureHook wanted);

// The functions of a flavour beside sock_send_length and sock_recv_length.
std::string capture_hook_text(CaptureHook hook);

}  // namespace weft
