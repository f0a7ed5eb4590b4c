// SPDX-License-Identifier: Apache-2.0
#include "agent/goroutine_rest.h"

#include <spdlog/spdlog.h>

#include "base/clock.h"

namespace weft {
namespace {

void set_calls(BirthNumbers& numbers, const ProcessCalls& calls) {
  numbers.served = calls.served;
  numbers.unknown = calls.unknown_callers();
  numbers.calls = numbers.unknown + calls.with_parent + calls.own_context;
  numbers.http1_only = calls.protocols == 1u << PROTOCOL_HTTP1;
}

}  // namespace

void GoroutineRest::look(const CallsByProcess& calls) {
  const std::uint64_t now_ns = clock_.monotonic_ns();
  if (now_ns >= next_ns_) {
    next_ns_ = now_ns + kSecond_ns;
    return every_second(calls, now_ns);
  }
  for (const pid_t pid : rest_.resting())
    if (const auto found = calls.find(pid); found != calls.end()) {
      BirthNumbers numbers;
      set_calls(numbers, found->second);
      turn(pid, rest_.in_between(pid, numbers), numbers, now_ns);
    }
}

void GoroutineRest::every_second(const CallsByProcess& calls, std::uint64_t now_ns) {
  const auto findings = tracer_.goroutine_findings();
  rest_.forget_others([&](pid_t pid) { return findings.contains(pid); });
  for (const auto& [pid, found] : findings) {
    if (found.refuted) {
      refuted_(pid);
      continue;
    }
    BirthNumbers numbers{
        .run = found.program, .noted = found.births, .in_vain = found.births_in_vain, .certain = !found.unproven};
    if (const auto made = calls.find(pid); made != calls.end()) set_calls(numbers, made->second);
    turn(pid, rest_.every_second(pid, numbers, now_ns), numbers, now_ns);
  }
}

void GoroutineRest::turn(pid_t pid, BirthRest::Turn turn, const BirthNumbers& numbers, std::uint64_t now_ns) {
  if (turn == BirthRest::Turn::stays) return;
  const bool rest = turn == BirthRest::Turn::rest;
  if (auto done = tracer_.rest_goroutines(pid, rest); !done) {
    spdlog::debug("{}", done.error().message);
    return;
  }
  rest_.done(pid, turn, numbers, now_ns);
  told_(pid, rest);
}

}  // namespace weft
