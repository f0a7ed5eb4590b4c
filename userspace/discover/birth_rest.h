// SPDX-License-Identifier: Apache-2.0
// When a Go process need not tell of its goroutines. net/http starts a goroutine for each request that it serves, which
// passes nothing on, and gRPC one that handles it; each costs traps. A busy process rests from them that speaks
// HTTP/1.1 alone and whose births have all been in vain for a while, or that calls nobody. When a call turns up that
// nobody is known to have made (or any, where it speaks more than HTTP/1.1) they are wanted again at once, and it rests
// later the next time. What is lost is the parent of those first calls; nothing ever gets a wrong one.
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
  std::uint32_t run = 0;      // of a program, traced once: with another one the others begin anew
  std::uint64_t noted = 0;    // births that pass something on, or may
  std::uint64_t in_vain = 0;  // … and that do not
  std::uint64_t served = 0;   // requests
  std::uint64_t calls = 0;
  std::uint64_t unknown = 0;  // … without a known caller
  bool certain = false;       // its goroutines are told apart
  bool http1_only = false;

  // What has to stay as it is while it rests.
  std::uint64_t wanted() const { return http1_only ? unknown : calls; }
};

class BirthRest {
 public:
  enum class Turn : std::uint8_t { stays, rest, wake };

  // Every second of each Go process, and of one that rests as often as you like: who is asked in between may only wake.
  // rest and wake are done when the caller has done them: done().
  Turn every_second(pid_t pid, const BirthNumbers& now, std::uint64_t now_ns);
  Turn in_between(pid_t pid, const BirthNumbers& now);
  void done(pid_t pid, Turn turn, const BirthNumbers& now, std::uint64_t now_ns);
  std::vector<pid_t> resting() const { return {resting_.begin(), resting_.end()}; }
  void forget_others(const std::function<bool(pid_t)>& known);

 private:
  struct Process {
    BirthNumbers before, at_rest;
    std::uint64_t in_vain_since_ns = 0;  // busy, and all births in vain
    std::uint64_t silent_since_ns = 0;   // busy, and no calls
    std::uint64_t not_before_ns = 0;
    unsigned woken = 0;  // by calls
    bool wake = false;   // it is to wake; tried every second until it does
  };

  std::map<pid_t, Process> processes_;
  std::set<pid_t> resting_;
};

}  // namespace weft
