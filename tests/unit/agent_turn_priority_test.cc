// SPDX-License-Identifier: Apache-2.0
// When the thread that handles events goes first.
#include <doctest/doctest.h>

#include "agent/turn_priority.h"

using namespace weft;

namespace {

struct Thread {
  explicit Thread(int begin = 0, int least = -20)
      : nice(begin), priority(begin, [this, least](int wanted) {
          if (wanted < least) return false;
          nice = wanted;
          return true;
        }) {}

  void turns(int count, bool behind) {
    for (int i = 0; i < count; i++) priority.turned(behind, now_ns += 4'000'000);
  }

  int nice;
  std::uint64_t now_ns = 1'000'000'000'000;
  TurnPriority priority;
};

}  // namespace

TEST_CASE("priority: higher for a minute after a turn that came nearly too late") {
  Thread thread;
  thread.turns(100, false);
  for (int i = 0; i < 10; i++) {
    thread.turns(1, true);
    thread.turns(1, false);
  }
  CHECK(thread.nice == 0);
  thread.turns(2, true);
  CHECK(thread.nice == -10);
  thread.turns(10'000, false);
  thread.turns(2, true);
  thread.turns(14'900, false);
  CHECK(thread.nice == -10);
  thread.turns(200, false);
  CHECK(thread.nice == 0);
}

TEST_CASE("priority: from what it was at first") {
  Thread thread(5), first(-15);
  for (auto* each : {&thread, &first}) each->turns(2, true);
  CHECK(thread.nice == -5);
  CHECK(first.nice == -20);
  for (auto* each : {&thread, &first}) each->turns(20'000, false);
  CHECK(thread.nice == 5);
  CHECK(first.nice == -15);
}

TEST_CASE("priority: only what is allowed") {
  Thread thread(0, 0);
  thread.turns(100, true);
  CHECK(thread.nice == 0);
}
