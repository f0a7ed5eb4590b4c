// SPDX-License-Identifier: Apache-2.0
#include "agent/goroutine_rest.h"

#include <spdlog/spdlog.h>

namespace weft {
namespace {

constexpr std::uint64_t kSecond_ns = 1'000'000'000;

BirthNumbers numbers_of(const GoroutineFindings& found, const ProcessCalls* calls) {
  BirthNumbers numbers{.noted = found.births, .in_vain = found.births_in_vain};
  if (!calls) return numbers;
  numbers.served = calls->served;
  numbers.unknown = calls->unknown_callers();
  numbers.may_rest = !found.refuted && !found.unproven && calls->protocols == 1u << PROTOCOL_HTTP1;
  return numbers;
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
      const std::uint64_t unknown = found->second.unknown_callers();
      turn(pid, rest_.in_between(pid, unknown), unknown, now_ns);
    }
}

void GoroutineRest::every_second(const CallsByProcess& calls, std::uint64_t now_ns) {
  const auto findings = tracer_.goroutine_findings();
  rest_.forget_others([&](pid_t pid) { return findings.contains(pid); });
  for (const auto& [pid, found] : findings) {
    const auto made = calls.find(pid);
    const BirthNumbers numbers = numbers_of(found, made == calls.end() ? nullptr : &made->second);
    turn(pid, rest_.every_second(pid, numbers, now_ns), numbers.unknown, now_ns);
  }
}

void GoroutineRest::turn(pid_t pid, BirthRest::Turn turn, std::uint64_t unknown, std::uint64_t now_ns) {
  if (turn == BirthRest::Turn::stays) return;
  const bool rest = turn == BirthRest::Turn::rest;
  if (auto done = tracer_.rest_goroutines(pid, rest); !done) {
    spdlog::debug("{}", done.error().message);
    return;
  }
  rest_.done(pid, turn, unknown, now_ns);
  told_(pid, rest);
}

}  // namespace weft
