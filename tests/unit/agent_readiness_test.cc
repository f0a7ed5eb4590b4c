// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "agent/readiness.h"
#include "base/clock.h"

using namespace weft;

TEST_CASE("readiness: from the first turn on, while turns come, until it stops") {
  Readiness ready;
  std::uint64_t now = 1000 * kSecond_ns;
  CHECK(ready.why_not(now) == "weftd is starting");
  ready.turned(now);
  CHECK_FALSE(ready.why_not(now - 1));  // asked on another processor, a moment before
  CHECK_FALSE(ready.why_not(now + 29 * kSecond_ns));
  CHECK(ready.why_not(now + 31 * kSecond_ns) == "no events have been taken from the kernel for 31 s");
  ready.turned(now += 40 * kSecond_ns);
  CHECK_FALSE(ready.why_not(now + kSecond_ns));
  CHECK_FALSE(ready.stopping());
  ready.stops();
  CHECK(ready.stopping());
  CHECK(ready.why_not(now + kSecond_ns) == "weftd is stopping");
}
