// SPDX-License-Identifier: Apache-2.0
// What weft knows of well-known programs by their name and arguments alone.
#pragma once

#include <string>

#include "discover/process_info.h"

namespace weft {

// Why a program is never traced unless attached by hand: weft itself, collectors, trace back ends, Prometheus,
// kubelet. Empty: nothing against it.
std::string built_in_exclusion(const ProcessInfo& process);

// A server that works on one request per thread from its first byte to its last, whatever O_NONBLOCK says of its
// sockets. Only where the command line leaves no doubt: a wrong yes would name wrong parents.
// REQUIRES: the environment of the process has been read.
bool serves_thread_per_request(const ProcessInfo& process, const ProcFiles& files);

// Programs known to ask FIONREAD, which breaks on sockets that are members of a socket hash on some kernels.
bool asks_fionread(const ProcessInfo& process);

}  // namespace weft
