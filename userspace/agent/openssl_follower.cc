// SPDX-License-Identifier: Apache-2.0
#include "agent/openssl_follower.h"

#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <vector>

namespace weft {
namespace {

constexpr unsigned kLooksAtOnce = 8;
constexpr std::uint64_t ms(std::uint64_t count) { return count * 1'000'000; }
// After the one at once. A program's libraries are there some milliseconds after exec, those that an interpreter
// imports within the first second or so.
constexpr std::array kPauses_ns = {ms(5), ms(15), ms(30), ms(50), ms(100), ms(300), ms(500), ms(1'000), ms(3'000)};
// Later on only where the process is seen to speak TLS, of which it is asked so often; and when it does that by another
// library, so often.
constexpr std::uint64_t kAsks_ns = ms(1'000), kAgain_ns = ms(60'000);

openssl_site site_of(OpensslFunction function) {
  switch (function) {
    case OpensslFunction::set_connect_state:
      return OPENSSL_CONNECT_STATE;
    case OpensslFunction::set_accept_state:
      return OPENSSL_ACCEPT_STATE;
    case OpensslFunction::clear:
      return OPENSSL_CLEAR;
    case OpensslFunction::free:
      return OPENSSL_FREE;
    case OpensslFunction::sendfile:
      return OPENSSL_UNSEEN;
    case OpensslFunction::do_handshake:
      return OPENSSL_HANDSHAKE;
    case OpensslFunction::read:
      return OPENSSL_READ;
    case OpensslFunction::read_ex:
      return OPENSSL_READ_EX;
    case OpensslFunction::write:
      return OPENSSL_WRITE;
    case OpensslFunction::write_ex:
      return OPENSSL_WRITE_EX;
    case OpensslFunction::write_ex2:
      break;
  }
  return OPENSSL_WRITE_EX2;
}

}  // namespace

void OpensslFollower::trace(pid_t pid, std::uint32_t executed) {
  if (!wanted_) return;
  {
    const std::lock_guard lock(mutex_);
    const auto known = processes_.find(pid);
    if (known != processes_.end() && known->second.executed == executed) return;
    processes_.insert_or_assign(pid, Process{.executed = executed, .looks = 0, .probes = 0});
  }
  tracer_.forget_openssl(pid);
  std::erase_if(due_, [pid](const auto& look) { return look.second == pid; });  // of the program before
  due_.emplace(clock_.monotonic_ns(), pid);
}

void OpensslFollower::untrace(pid_t pid) {
  tracer_.forget_openssl(pid);
  const std::lock_guard lock(mutex_);
  processes_.erase(pid);  // what is due finds it gone
}

bool OpensslFollower::look() {
  if (due_.empty()) return false;
  if (!tracer_.follows_openssl()) return true;
  const std::uint64_t now = clock_.monotonic_ns();
  for (unsigned looks = 0; looks < kLooksAtOnce && !due_.empty() && due_.begin()->first <= now; ++looks) {
    const pid_t pid = due_.begin()->second;
    due_.erase(due_.begin());
    Process process;
    {
      const std::lock_guard lock(mutex_);
      const auto known = processes_.find(pid);
      if (known == processes_.end() || known->second.probes) continue;
      process = known->second;
    }
    look_at(pid, process);
    const std::lock_guard lock(mutex_);
    processes_.insert_or_assign(pid, process);
  }
  return !due_.empty() && due_.begin()->first <= now;
}

void OpensslFollower::look_at(pid_t pid, Process& process) {
  const auto look_after = [&](std::uint64_t pause_ns) { due_.emplace(clock_.monotonic_ns() + pause_ns, pid); };
  const bool late = process.looks > kPauses_ns.size();
  if (late && !tracer_.speaks_tls(pid)) return look_after(kAsks_ns);
  const auto libraries = finder_.find(pid);
  if (!libraries.empty()) return follow(pid, process, libraries);
  look_after(process.looks < kPauses_ns.size() ? kPauses_ns[process.looks] : late ? kAgain_ns : kAsks_ns);
  if (!late) ++process.looks;
}

void OpensslFollower::follow(pid_t pid, Process& process, const std::vector<OpensslLibrary>& libraries) {
  for (const auto& library : libraries) {
    std::vector<OpensslPlace> places;
    places.reserve(library.sites.size());
    for (const auto& site : library.sites) places.push_back({site_of(site.function), site.offset, site.above});
    if (auto followed = tracer_.follow_openssl(pid, library.path, places); !followed) {
      spdlog::info("what process {} says by TLS is not seen: {}", pid, followed.error().message);
      tracer_.forget_openssl(pid);  // all of its libraries, or none
      process.probes = 0;
      return;
    }
    process.probes += places.size();
  }
}

std::size_t OpensslFollower::probes(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto known = processes_.find(pid);
  return known == processes_.end() ? 0 : known->second.probes;
}

std::size_t OpensslFollower::probes() const {
  const std::lock_guard lock(mutex_);
  std::size_t all = 0;
  for (const auto& [pid, process] : processes_) all += process.probes;
  return all;
}

}  // namespace weft
