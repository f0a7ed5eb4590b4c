// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "discover/birth_rest.h"

using namespace weft;
using Turn = BirthRest::Turn;

namespace {

constexpr pid_t kPid = 42;

// A process that serves 5,000 requests a second, each with a birth in vain.
struct Busy {
  BirthRest rest;
  BirthNumbers numbers{.run = 1, .certain = true, .http1_only = true};
  std::uint64_t now_ns = 1'000'000'000, called = 5000;

  Turn second(std::uint64_t served = 5000) {
    now_ns += 1'000'000'000;
    numbers.served += served;
    if (rest.resting().empty()) numbers.in_vain += served;
    numbers.calls += called;
    const Turn turn = rest.every_second(kPid, numbers, now_ns);
    rest.done(kPid, turn, numbers, now_ns);
    return turn;
  }
  int seconds_until(Turn wanted, int most) {
    for (int i = 1; i <= most; i++)
      if (second() == wanted) return i;
    return -1;
  }
};

}  // namespace

TEST_CASE("rest: a busy process whose births are all in vain rests after a few seconds") {
  Busy busy;
  CHECK(busy.seconds_until(Turn::rest, 10) == 4);
  CHECK(busy.rest.resting() == std::vector<pid_t>{kPid});
  for (int i = 0; i < 100; i++) CHECK(busy.second() == Turn::stays);
}

TEST_CASE("rest: never while one birth passes something on, a call has no known caller, or little is to be saved") {
  Busy busy;
  for (int i = 0; i < 20; i++) {
    busy.numbers.noted++;
    CHECK(busy.second() == Turn::stays);
  }
  for (int i = 0; i < 20; i++) {
    busy.numbers.unknown++;
    CHECK(busy.second() == Turn::stays);
  }
  for (int i = 0; i < 20; i++) CHECK(busy.second(499) == Turn::stays);
  busy.numbers.certain = false;
  for (int i = 0; i < 20; i++) CHECK(busy.second() == Turn::stays);
  busy.numbers.certain = true;
  busy.numbers.http1_only = false;
  for (int i = 0; i < 20; i++) CHECK(busy.second() == Turn::stays);
  busy.numbers.http1_only = true;
  CHECK(busy.seconds_until(Turn::rest, 10) == 3);
}

TEST_CASE("rest: a call of an unknown caller wakes at once, and the next rest comes later each time") {
  Busy busy;
  int pause = 30;
  REQUIRE(busy.seconds_until(Turn::rest, 10) > 0);
  for (int i = 0; i < 5; i++) {
    CHECK(busy.rest.in_between(kPid, busy.numbers) == Turn::stays);
    busy.numbers.unknown++;
    REQUIRE(busy.rest.in_between(kPid, busy.numbers) == Turn::wake);
    busy.rest.done(kPid, Turn::wake, busy.numbers, busy.now_ns);
    CHECK(busy.rest.resting().empty());
    const int seconds = busy.seconds_until(Turn::rest, 4000);
    CHECK(seconds >= pause);
    CHECK(seconds <= pause + 4);
    pause *= 2;
  }
  for (int i = 0; i < 20; i++) {
    busy.numbers.unknown++;
    busy.rest.done(kPid, Turn::wake, busy.numbers, busy.now_ns);
    REQUIRE(busy.seconds_until(Turn::rest, 4000) > 0);  // an hour at most
  }
}

TEST_CASE("rest: a process that is not busy any more, or speaks another protocol, is watched again") {
  Busy busy;
  REQUIRE(busy.seconds_until(Turn::rest, 10) > 0);
  CHECK(busy.second(50) == Turn::stays);
  CHECK(busy.second(49) == Turn::wake);
  CHECK(busy.seconds_until(Turn::rest, 10) > 0);  // that was no mistake: no pause
  busy.numbers.http1_only = false;
  CHECK(busy.second() == Turn::wake);
}

TEST_CASE("rest: a busy process that calls nobody rests, whatever it speaks, until its first call") {
  Busy busy;
  busy.called = 0;
  busy.numbers.http1_only = false;
  const auto second = [&] {
    busy.numbers.noted += busy.rest.resting().empty() ? 5000 : 0;
    return busy.second();
  };
  for (int i = 0; i < 6; i++) CHECK(second() == Turn::stays);
  CHECK(second() == Turn::rest);
  for (int i = 0; i < 20; i++) CHECK(second() == Turn::stays);
  CHECK(busy.rest.in_between(kPid, busy.numbers) == Turn::stays);
  busy.numbers.calls++;
  CHECK(busy.rest.in_between(kPid, busy.numbers) == Turn::wake);
  CHECK(second() == Turn::wake);
  for (int i = 0; i < 29; i++) CHECK(second() == Turn::stays);
}

TEST_CASE("rest: calls of known callers do not wake where HTTP/1.1 is all that is spoken") {
  Busy busy;
  busy.called = 0;
  for (int i = 0; i < 20 && busy.rest.resting().empty(); i++) {
    busy.numbers.noted++;
    busy.second();
  }
  REQUIRE(!busy.rest.resting().empty());
  busy.called = 5000;
  for (int i = 0; i < 20; i++) CHECK(busy.second() == Turn::stays);
}

TEST_CASE("rest: many births and few requests are no reason, or it would be watched again at once, over and over") {
  Busy busy;
  busy.called = 0;
  for (const std::uint64_t served : {0u, 99u})
    for (int i = 0; i < 20; i++) {
      busy.numbers.in_vain += 5000;
      CHECK(busy.second(served) == Turn::stays);
    }
}

TEST_CASE("rest: another program in the same process is watched, and rests by its own numbers") {
  Busy busy;
  REQUIRE(busy.seconds_until(Turn::rest, 10) > 0);
  busy.numbers = {.run = 2, .certain = true, .http1_only = true};
  CHECK(busy.second() == Turn::stays);
  CHECK(busy.rest.resting().empty());
  CHECK(busy.seconds_until(Turn::rest, 10) == 3);
}

TEST_CASE("rest: a wake that fails is tried every second until it is done") {
  Busy busy;
  REQUIRE(busy.seconds_until(Turn::rest, 10) > 0);
  busy.numbers.unknown++;
  CHECK(busy.rest.in_between(kPid, busy.numbers) == Turn::wake);
  for (int i = 0; i < 5; i++) {
    CHECK(busy.rest.in_between(kPid, busy.numbers) == Turn::stays);
    busy.now_ns += 1'000'000'000;
    busy.numbers.served += 5000;
    CHECK(busy.rest.every_second(kPid, busy.numbers, busy.now_ns) == Turn::wake);
  }
  busy.rest.done(kPid, Turn::wake, busy.numbers, busy.now_ns);
  CHECK(busy.rest.resting().empty());
}

TEST_CASE("rest: who is gone is forgotten") {
  Busy busy;
  REQUIRE(busy.seconds_until(Turn::rest, 10) > 0);
  busy.rest.forget_others([](pid_t pid) { return pid != kPid; });
  CHECK(busy.rest.resting().empty());
  CHECK(busy.second() == Turn::stays);
}
