// SPDX-License-Identifier: Apache-2.0
#include "discover/birth_rest.h"

#include <algorithm>

namespace weft {
namespace {

constexpr std::uint64_t kSecond_ns = 1'000'000'000;
constexpr std::uint64_t kQuiet_ns = 2 * kSecond_ns;
constexpr std::uint64_t kBusyBirths = 1000;  // a second; of fewer nobody notices the cost
constexpr std::uint64_t kIdleServed = 200;   // a second, of a process that rests
constexpr std::uint64_t kFirstPause_ns = 30 * kSecond_ns;
constexpr std::uint64_t kLongestPause_ns = 3600 * kSecond_ns;

}  // namespace

BirthRest::Turn BirthRest::every_second(pid_t pid, const BirthNumbers& now, std::uint64_t now_ns) {
  const auto [found, is_new] = processes_.try_emplace(pid);
  Process& process = found->second;
  const BirthNumbers before = process.before;
  process.before = now;
  if (is_new) return Turn::stays;
  if (resting_.contains(pid)) {
    const bool wanted = !now.may_rest || now.unknown != before.unknown || now.served - before.served < kIdleServed;
    return wanted ? Turn::wake : Turn::stays;
  }
  const bool in_vain = now.may_rest && now.noted == before.noted && now.unknown == before.unknown &&
                       now.in_vain - before.in_vain >= kBusyBirths;
  if (!in_vain) {
    process.quiet_since_ns = 0;
  } else if (process.quiet_since_ns == 0) {
    process.quiet_since_ns = now_ns;
  } else if (now_ns - process.quiet_since_ns >= kQuiet_ns && now_ns >= process.not_before_ns) {
    return Turn::rest;
  }
  return Turn::stays;
}

BirthRest::Turn BirthRest::in_between(pid_t pid, std::uint64_t unknown) const {
  const auto found = processes_.find(pid);
  const bool called = found != processes_.end() && unknown != found->second.before.unknown;
  return called && resting_.contains(pid) ? Turn::wake : Turn::stays;
}

void BirthRest::done(pid_t pid, Turn turn, std::uint64_t unknown, std::uint64_t now_ns) {
  const auto found = processes_.find(pid);
  if (found == processes_.end() || turn == Turn::stays) return;
  Process& process = found->second;
  if (turn == Turn::rest)
    resting_.insert(pid);
  else
    resting_.erase(pid);
  process.quiet_since_ns = 0;
  if (turn == Turn::wake && unknown != process.unknown_at_rest) {
    process.not_before_ns = now_ns + std::min(kLongestPause_ns, kFirstPause_ns << std::min(process.woken, 8u));
    process.woken++;
  }
  process.unknown_at_rest = unknown;
}

void BirthRest::forget_others(const std::function<bool(pid_t)>& known) {
  std::erase_if(processes_, [&](const auto& process) { return !known(process.first); });
  std::erase_if(resting_, [&](pid_t pid) { return !known(pid); });
}

}  // namespace weft
