// SPDX-License-Identifier: Apache-2.0
#include "assemble/process_calls.h"

namespace weft {
namespace {

constexpr std::size_t kProcessesMax = 4096;  // events of processes whose end went unnoticed add up to no more

bool has_own_context(unsigned result) { return result == INJECTION_OWN_HEADER || result == INJECTION_INSTRUMENTED; }

}  // namespace

ProcessCalls* ProcessCallCounts::of(pid_t pid) {
  if (const auto found = counts_.find(pid); found != counts_.end()) return &found->second;
  return counts_.size() < kProcessesMax ? &counts_[pid] : nullptr;
}

void ProcessCallCounts::request(const request_event& request) {
  ProcessCalls* calls = of(static_cast<pid_t>(request.tgid));
  if (!calls) return;
  calls->protocols |= 1u << request.protocol;
  if (request.role != ROLE_CLIENT) return;
  if (request.attribution == ATTRIBUTION_ROOT)
    calls->roots++;
  else if (request.attribution != ATTRIBUTION_NONE)
    calls->with_parent++;
  else if (has_own_context(request.injection))
    calls->own_context++;
  else
    calls->without_parent[request.injection]++;
}

void ProcessCallCounts::message(const message_event& message) {
  if (ProcessCalls* calls = of(static_cast<pid_t>(message.tgid))) calls->protocols |= 1u << PROTOCOL_KAFKA;
}

}  // namespace weft
