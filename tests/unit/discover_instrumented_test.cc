// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstring>

#include "base/clock.h"
#include "discover/instrumented.h"

using namespace weft;

namespace {

SpanId id(std::uint64_t number) {
  SpanId id;
  std::memcpy(id.bytes.data(), &number, sizeof(number));
  return id;
}

SeenRequest received(pid_t pid, SpanId parent) { return {.pid = pid, .parent = parent}; }
SeenRequest foreign(pid_t pid, SpanId parent) {
  return {.pid = pid, .outgoing = true, .parent = parent, .foreign_parent = true};
}

}  // namespace

TEST_CASE("instrumented: three different parents that it never received") {
  ManualClock clock;
  InstrumentedDetector detector(clock);
  CHECK(detector.saw(foreign(1, id(10))) == "");
  CHECK(detector.saw(foreign(1, id(11))) == "");
  CHECK(detector.saw(foreign(2, id(12))) == "");  // another process
  CHECK(detector.saw(foreign(1, id(12))) == "its calls carry span ids that it made itself");
}

TEST_CASE("instrumented: received ids, one constant and stray ones are no evidence") {
  ManualClock clock;
  InstrumentedDetector detector(clock);
  for (std::uint64_t i = 1; i < 100; ++i) {
    CHECK(detector.saw(received(1, id(i))) == "");
    CHECK(detector.saw(foreign(1, id(i))) == "");     // a late use of what it once received
    CHECK(detector.saw(foreign(1, id(1000))) == "");  // always the same: copied
    CHECK(detector.saw(foreign(1, SpanId{})) == "");
  }
  InstrumentedDetector slow(clock);
  for (std::uint64_t i = 1; i < 20; ++i) {
    clock.monotonic += 700'000'000'000;
    CHECK(slow.saw(foreign(1, id(i))) == "");
  }
}

TEST_CASE("instrumented: received ids are remembered long enough, in bounded room") {
  ManualClock clock;
  InstrumentedDetector detector(clock);
  for (std::uint64_t i = 1; i <= 100'000; ++i) detector.saw(received(1, id(i * 0x9e3779b97f4a7c15u)));
  // Of the last 2,000 (16,384 slots in buckets of four) hardly any may be lost.
  for (std::uint64_t i = 98'001; i <= 100'000; ++i) CHECK(detector.saw(foreign(1, id(i * 0x9e3779b97f4a7c15u))) == "");
}
