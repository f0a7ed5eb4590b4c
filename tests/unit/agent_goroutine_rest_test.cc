// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "agent/goroutine_rest.h"
#include "base/clock.h"

using namespace weft;

namespace {

struct FakeTracer final : GoroutineTracer {
  std::map<pid_t, GoroutineFindings> findings;
  std::vector<pid_t> rested;
  std::uint32_t executions(pid_t) override { return 0; }
  Result<void> trace_goroutines(pid_t, const GoroutineSettings&, std::uint32_t) override { return {}; }
  void untrace_goroutines(pid_t pid) override { findings.erase(pid); }
  Result<void> rest_goroutines(pid_t pid, bool) override {
    rested.push_back(pid);
    return {};
  }
  bool attach_late() override { return false; }
  std::map<pid_t, GoroutineFindings> goroutine_findings() override { return findings; }
};

}  // namespace

TEST_CASE("whose goroutines are none is told, and never rests") {
  ManualClock clock;
  FakeTracer tracer;
  std::vector<pid_t> refuted;
  GoroutineRest rest(tracer, clock, [](pid_t, bool) {}, [&](pid_t pid) { refuted.push_back(pid); });
  tracer.findings[41] = {.program = 1};
  tracer.findings[42] = {.program = 2, .refuted = true};
  CallsByProcess calls;
  for (int second = 0; second < 10; second++) {
    for (auto& [pid, found] : tracer.findings) {  // busy, and all in vain
      found.births_in_vain += 5000;
      calls[pid].served += 5000;
      calls[pid].protocols = 1u << PROTOCOL_HTTP1;
    }
    rest.look(calls);
    rest.look(calls);  // not more often than once a second
    clock.monotonic += 1'000'000'000;
  }
  CHECK(refuted == std::vector<pid_t>(10, 42));
  CHECK(tracer.rested == std::vector<pid_t>{41});
}
