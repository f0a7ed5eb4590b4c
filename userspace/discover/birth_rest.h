// SPDX-License-Identifier: Apache-2.0
// When a Go process need not tell of its goroutines' births and ends. net/http starts a goroutine for each request that
// it serves, which passes nothing on; each costs two traps. A process that is busy and whose births have all been in
// vain for a while rests from them, until a call turns up that nobody is known to have made: then they are wanted again
// at once, and it rests later the next time. What is lost is the parent of those first calls, never a right one.
//
// Belongs to one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace weft {

// Of one process, all growing.
struct BirthNumbers {
  std::uint64_t noted = 0;    // births that pass something on, or may
  std::uint64_t in_vain = 0;  // … and that do not
  std::uint64_t served = 0;   // requests
  std::uint64_t unknown = 0;  // calls without a known caller
  bool may_rest = false;      // HTTP/1.1 and nothing else, by goroutines that are told apart
};

class BirthRest {
 public:
  enum class Turn : std::uint8_t { stays, rest, wake };

  // Every second of each Go process, and of one that rests as often as you like: who is asked in between may only wake.
  // rest and wake are done when the caller has done them: done().
  Turn every_second(pid_t pid, const BirthNumbers& now, std::uint64_t now_ns);
  Turn in_between(pid_t pid, std::uint64_t unknown) const;
  void done(pid_t pid, Turn turn, std::uint64_t unknown, std::uint64_t now_ns);
  std::vector<pid_t> resting() const { return {resting_.begin(), resting_.end()}; }
  void forget_others(const std::function<bool(pid_t)>& known);

 private:
  struct Process {
    BirthNumbers before;
    std::uint64_t quiet_since_ns = 0;  // busy, and all births in vain
    std::uint64_t not_before_ns = 0;
    std::uint64_t unknown_at_rest = 0;
    unsigned woken = 0;  // by calls
  };

  std::map<pid_t, Process> processes_;
  std::set<pid_t> resting_;
};

}  // namespace weft
