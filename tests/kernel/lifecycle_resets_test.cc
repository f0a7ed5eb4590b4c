// SPDX-License-Identifier: Apache-2.0
// Resets that arrive on another CPU while their request is being read.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>

#include <chrono>
#include <map>
#include <random>
#include <string>

#include "lifecycle_scene.h"

namespace weft::test {
namespace {

// Keeps the test off the one CPU of the program, as long as there is another.
class BesideProgram {
 public:
  explicit BesideProgram(pid_t pid) {
    must(sched_getaffinity(0, sizeof before_, &before_), "sched_getaffinity");
    cpu_set_t program, others;
    must(sched_getaffinity(pid, sizeof program, &program), "sched_getaffinity");
    CPU_XOR(&others, &before_, &program);
    CPU_AND(&others, &others, &before_);
    if (CPU_COUNT(&others)) must(sched_setaffinity(0, sizeof others, &others), "sched_setaffinity");
  }
  ~BesideProgram() { sched_setaffinity(0, sizeof before_, &before_); }
  BesideProgram(const BesideProgram&) = delete;
  BesideProgram& operator=(const BesideProgram&) = delete;

 private:
  cpu_set_t before_;
};

void spin(std::chrono::nanoseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

TEST_CASE("requests with baggage, reset at any moment: each ends once, after its beginning, and leaves nothing") {
  constexpr int kResets = 4000;
  Scene scene;
  scene.trace();
  const std::string baggage = "baggage: user=ann,account=" + std::string(100, '7') + "\r\n";
  std::minstd_rand random(7);
  std::uniform_int_distribution<int> jitter_ns(0, 200'000);
  {
    const BesideProgram beside(scene.pid());
    for (int i = 0; i < kResets; i++) {
      scene.begin("a", "read_and_close");
      Fd peer = connect_to(scene.port());
      const linger reset{.l_onoff = 1, .l_linger = 0};
      must(setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
      const std::string context = fmt::format("traceparent: 00-{:032x}-{:016x}-01\r\n", i + 1, i + 1);
      REQUIRE(send_all(peer.get(), get(fmt::format("/{}", i), context + baggage)));
      if (i % 4) spin(std::chrono::nanoseconds(jitter_ns(random)));
      peer.reset();
      REQUIRE(scene.result() == "closed");
      if (i % 64 == 0) scene.requests();  // the ring is emptied
    }
  }
  for (const char* map : {"exchanges", "carried", "texts_small"}) CHECK(scene.map_becomes(map, 0));
  CHECK(scene.settles([&] { return scene.findings().live_exchanges == 0; }));

  std::map<std::uint64_t, int> ends;  // of those that began
  int before = 0, several = 0, none = 0;
  for (const Scene::Step& step : scene.steps()) {
    if (step.begins)
      ends[step.exchange_id];
    else if (const auto begun = ends.find(step.exchange_id); begun != ends.end())
      several += ++begun->second == 2;
    else
      before++;
  }
  for (const auto& [id, count] : ends) none += count == 0;
  CHECK(ends.size() > kResets / 2);
  CHECK(before == 0);
  CHECK(several == 0);
  CHECK(none == 0);
  CHECK(scene.counters().events_lost == 0);
}

}  // namespace
}  // namespace weft::test
