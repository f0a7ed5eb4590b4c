// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <thread>

#include "agent/loop_errands.h"

using namespace weft;
using namespace std::chrono_literals;

TEST_CASE("errands: done by the loop's thread, and answered") {
  LoopErrands errands;
  errands.turn();  // nothing was asked for
  std::atomic<bool> over = false;
  std::thread::id by;
  std::thread loop([&] {
    by = std::this_thread::get_id();
    while (!over) errands.turn();
  });
  for (int i = 0; i < 100; i++) {
    const auto answer = errands.ask([i] { return std::pair(i, std::this_thread::get_id()); }, 60s);
    REQUIRE(answer);
    CHECK(*answer == std::pair(i, by));
  }
  over = true;
  loop.join();
}

TEST_CASE("errands: who asks waits neither for a loop that does not come round nor for one that has ended") {
  LoopErrands errands;
  int done = 0;
  CHECK_FALSE(errands.ask([&done] { return ++done; }, 1ms));
  errands.turn();  // late, and of no use to anybody
  CHECK(done == 1);
  std::thread asks([&] { CHECK_FALSE(errands.ask([&done] { return ++done; }, 600s)); });
  while (!errands.waits()) std::this_thread::yield();
  errands.close();
  asks.join();
  CHECK_FALSE(errands.ask([&done] { return ++done; }, 600s));
  errands.turn();
  CHECK(done == 1);
}
