// SPDX-License-Identifier: Apache-2.0
// A queue with a scripted exporter, a clock that the waiter moves, and no sleeping.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <numeric>

#include "exporter/queue.h"
#include "support/sample_spans.h"

namespace weft {

using namespace std::chrono_literals;
using Outcome = ExportResult::Outcome;

class TestClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override { return now; }
  std::uint64_t unix_ns() const override { return now; }
  std::atomic<std::uint64_t> now{1'000'000'000};
};

// Time passes at once.
class TestWaiter final : public Waiter {
 public:
  explicit TestWaiter(TestClock& clock) : clock_(clock) {}
  void wait(std::unique_lock<std::mutex>&, std::condition_variable&, std::chrono::nanoseconds time,
            const std::function<bool()>& ready) override {
    if (ready()) return;
    waits.push_back(time);
    clock_.now += static_cast<std::uint64_t>(time.count());
  }
  std::vector<std::chrono::nanoseconds> waits;  // read it after shutdown()

 private:
  TestClock& clock_;
};

struct Script {
  std::deque<ExportResult> results;                    // then: accepted
  std::function<ExportResult(const SpanBatch&)> each;  // instead
  std::vector<std::size_t> batches;                    // read it after shutdown()
  std::vector<std::uint64_t> times;
  std::promise<void> entered;     // the first send began
  std::shared_future<void> gate;  // each send waits for it, when valid
  std::promise<void> cancelled;
  bool end_on_cancel = false;
  std::vector<std::optional<std::chrono::milliseconds>> idle_results;
  int idle_calls = 0, idle_last_calls = 0;
};

class ScriptedExporter final : public Exporter {
 public:
  ScriptedExporter(Script& script, const Clock& clock)
      : script_(script), clock_(clock), cancel_(script.cancelled.get_future()) {}
  std::string_view name() const override { return "scripted"; }
  ExportResult send(const SpanBatch& batch) override {
    script_.batches.push_back(batch.size());
    script_.times.push_back(clock_.monotonic_ns());
    if (script_.batches.size() == 1) script_.entered.set_value();
    if (script_.gate.valid()) script_.gate.wait();
    if (script_.end_on_cancel) {
      cancel_.wait();
      return {.outcome = Outcome::retry, .reason = "cancelled"};
    }
    if (script_.each) return script_.each(batch);
    if (script_.results.empty()) return {};
    ExportResult result = script_.results.front();
    script_.results.pop_front();
    return result;
  }
  void cancel() override {
    if (!cancelled_.exchange(true)) script_.cancelled.set_value();
  }
  std::optional<std::chrono::milliseconds> idle(bool last) override {
    if (last) {
      script_.idle_last_calls++;
      return std::nullopt;
    }
    const auto call = static_cast<std::size_t>(script_.idle_calls++);
    return call < script_.idle_results.size() ? script_.idle_results[call] : std::nullopt;
  }

 private:
  Script& script_;
  const Clock& clock_;
  std::atomic<bool> cancelled_{false};
  std::future<void> cancel_;
};

struct Fixture {
  Script script;
  TestClock clock;
  TestWaiter waiter{clock};
  std::promise<void> open_gate;
  BatchQueueOptions options;
  double random = 0;
  std::unique_ptr<BatchQueue> queue;

  void gated() { script.gate = open_gate.get_future().share(); }
  void start() {
    queue = std::make_unique<BatchQueue>(
        std::make_unique<ScriptedExporter>(script, clock), options,
        BatchQueue::Tools{.clock = &clock, .waiter = &waiter, .random = [this] { return random; }});
  }
  void offer(std::size_t count) {
    for (std::size_t i = 0; i < count; i++) queue->offer(test::share(test::sample_server_span()));
  }
  void wait_for_first_send() { script.entered.get_future().wait(); }
  std::uint64_t count(const char* result) { return queue->counters().by_result.at(result); }
  std::uint64_t total() {
    const auto counters = queue->counters();
    return std::accumulate(counters.by_result.begin(), counters.by_result.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
  }
};

}  // namespace weft
