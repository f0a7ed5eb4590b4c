// SPDX-License-Identifier: Apache-2.0
#include "discover/birth_rest.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace weft {
namespace {

constexpr std::uint64_t kInVain_ns = 2 * kSecond_ns;
constexpr std::uint64_t kSilent_ns = 5 * kSecond_ns;
constexpr std::uint64_t kBusyBirths = 500;  // a second; of fewer nobody notices the cost
constexpr std::uint64_t kBusyServed = 100;  // … and requests: of a process that rests births cannot be counted
constexpr std::uint64_t kIdleServed = 50;   // … and then it is not busy any more
constexpr std::uint64_t kFirstPause_ns = 30 * kSecond_ns;
constexpr std::uint64_t kLongestPause_ns = 3600 * kSecond_ns;

// For how long it has been so; `since_ns` = 0: it was not.
std::uint64_t lasts_ns(bool holds, std::uint64_t& since_ns, std::uint64_t now_ns) {
  if (!holds)
    since_ns = 0;
  else if (since_ns == 0)
    since_ns = now_ns;
  return holds ? now_ns - since_ns : 0;
}

bool called(const BirthNumbers& before, const BirthNumbers& now) {
  return now.http1_only != before.http1_only || now.wanted() != before.wanted();
}

}  // namespace

BirthRest::Turn BirthRest::every_second(pid_t pid, const BirthNumbers& now, std::uint64_t now_ns) {
  auto [found, is_new] = processes_.try_emplace(pid);
  Process& process = found->second;
  if (process.before.run != now.run) {  // another program, or traced anew: with all its probes
    process = {};
    resting_.erase(pid);
    is_new = true;
  }
  const BirthNumbers before = std::exchange(process.before, now);
  if (is_new) return Turn::stays;
  const bool busy = now.served - before.served >= kBusyServed;
  if (resting_.contains(pid)) {
    process.wake |= !now.certain || called(before, now) || now.served - before.served < kIdleServed;
    return process.wake ? Turn::wake : Turn::stays;
  }
  const std::uint64_t in_vain = now.in_vain - before.in_vain, noted = now.noted - before.noted;
  const bool all_in_vain =
      busy && now.certain && now.http1_only && noted == 0 && now.unknown == before.unknown && in_vain >= kBusyBirths;
  const bool silent = busy && now.certain && now.calls == before.calls && in_vain + noted >= kBusyBirths;
  const std::uint64_t in_vain_ns = lasts_ns(all_in_vain, process.in_vain_since_ns, now_ns);
  const std::uint64_t silent_ns = lasts_ns(silent, process.silent_since_ns, now_ns);
  const bool long_enough = in_vain_ns >= kInVain_ns || silent_ns >= kSilent_ns;
  return long_enough && now_ns >= process.not_before_ns ? Turn::rest : Turn::stays;
}

BirthRest::Turn BirthRest::in_between(pid_t pid, const BirthNumbers& now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end() || !resting_.contains(pid)) return Turn::stays;
  Process& process = found->second;
  if (process.wake || !called(process.before, now)) return Turn::stays;
  process.wake = true;
  return Turn::wake;
}

void BirthRest::done(pid_t pid, Turn turn, const BirthNumbers& now, std::uint64_t now_ns) {
  const auto found = processes_.find(pid);
  if (found == processes_.end() || turn == Turn::stays) return;
  Process& process = found->second;
  process.in_vain_since_ns = process.silent_since_ns = 0;
  if (turn == Turn::rest) {
    resting_.insert(pid);
    process.at_rest = now;
    return;
  }
  resting_.erase(pid);
  process.wake = false;
  if (!called(process.at_rest, now)) return;
  process.not_before_ns = now_ns + std::min(kLongestPause_ns, kFirstPause_ns << std::min(process.woken, 8u));
  process.woken++;
}

void BirthRest::forget_others(const std::function<bool(pid_t)>& known) {
  std::erase_if(processes_, [&](const auto& process) { return !known(process.first); });
  std::erase_if(resting_, [&](pid_t pid) { return !known(pid); });
}

}  // namespace weft
