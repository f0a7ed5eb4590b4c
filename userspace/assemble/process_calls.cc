// SPDX-License-Identifier: Apache-2.0
#include "assemble/process_calls.h"

namespace weft {
namespace {

constexpr std::size_t kProcessesMax = 4096;  // events of processes whose end went unnoticed add up to no more

bool has_own_context(unsigned result) { return result == INJECTION_OWN_HEADER || result == INJECTION_INSTRUMENTED; }

}  // namespace

ProcessCalls* ProcessCallCounts::spoke(__u32 tgid, unsigned protocol) {
  const auto pid = static_cast<pid_t>(tgid);
  auto found = counts_.find(pid);
  if (found == counts_.end()) {
    if (counts_.size() >= kProcessesMax) return nullptr;
    found = counts_.try_emplace(pid).first;
  }
  found->second.protocols |= 1u << protocol;
  return &found->second;
}

void ProcessCallCounts::request(const request_event& request) {
  ProcessCalls* calls = spoke(request.tgid, request.protocol);
  if (!calls) return;
  if (request.role == ROLE_CLIENT) calls->called_by |= 1u << request.protocol;
  if (request.role != ROLE_CLIENT)
    calls->served++;
  else if (request.attribution == ATTRIBUTION_ROOT)
    calls->roots++;
  else if (request.attribution != ATTRIBUTION_NONE)
    calls->with_parent++;
  else if (has_own_context(request.injection))
    calls->own_context++;
  else
    calls->without_parent[request.injection]++;
}

void ProcessCallCounts::unsampled(const unsampled_event& exchange) {
  ProcessCalls* calls = spoke(exchange.tgid, exchange.protocol);
  if (!calls) return;
  if (exchange.role != ROLE_CLIENT)
    calls->served++;
  else  // of others there is no short form
    (exchange.facts & UNSAMPLED_ROOT ? calls->roots : calls->with_parent)++;
}

void ProcessCallCounts::message(const MessageFields& message) { spoke(message.tgid, PROTOCOL_KAFKA); }

}  // namespace weft
