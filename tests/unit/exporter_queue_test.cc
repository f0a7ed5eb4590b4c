// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "unit/exporter_queue_scene.h"

namespace weft {
namespace {

TEST_CASE("queue: spans go out in full batches, the rest when the delay is over") {
  Fixture f;
  f.gated();
  f.start();
  f.offer(1);
  f.wait_for_first_send();
  f.offer(1200);
  f.open_gate.set_value();
  f.queue->shutdown(10s);
  CHECK(f.script.batches == std::vector<std::size_t>{1, 512, 512, 176});
  CHECK(f.count("sent") == 1201);
}

TEST_CASE("queue: a lone span waits for the delay and no longer") {
  Fixture f;
  f.options.delay = 750ms;
  f.start();
  f.offer(1);
  f.wait_for_first_send();
  f.queue->shutdown(10s);
  REQUIRE(!f.waiter.waits.empty());
  CHECK(f.waiter.waits.front() == 750ms);
}

TEST_CASE("queue: when full, the newest spans are dropped, counted and told") {
  Fixture f;
  f.options.queue = 10;
  f.options.batch = 5;
  std::vector<std::string> lost;
  f.options.on_drop = [&](const Span& span, std::string_view reason) {
    lost.push_back(span.name + " " + std::string(reason));
  };
  f.gated();
  f.start();
  f.offer(1);
  f.wait_for_first_send();
  for (int i = 0; i < 13; i++) {
    Span span = test::sample_server_span();
    span.name = std::to_string(i);
    f.queue->offer(test::share(span));
  }
  CHECK(f.queue->counters().queued == 10);
  CHECK(f.queue->counters().queue_limit == 10);
  f.open_gate.set_value();
  f.queue->shutdown(10s);
  CHECK(lost == std::vector<std::string>{"10 queue_full", "11 queue_full", "12 queue_full"});
  CHECK(f.count("dropped_queue_full") == 3);
  CHECK(f.count("sent") == 11);
}

TEST_CASE("queue: memory is bounded and offer returns while the peer hangs") {
  Fixture f;
  f.options.queue = 100;
  f.options.batch = 10;
  f.gated();
  std::atomic<int> alive{0};
  const auto counted = [&] {
    alive++;
    return SpanPtr(new Span(test::sample_server_span()), [&](const Span* span) {
      delete span;
      alive--;
    });
  };
  f.start();
  f.queue->offer(counted());
  f.wait_for_first_send();
  for (int i = 0; i < 20'000; i++) f.queue->offer(counted());
  CHECK(alive <= 110);
  CHECK(f.count("dropped_queue_full") == 19'900);
  f.open_gate.set_value();
  f.queue->shutdown(10s);
  CHECK(alive == 0);
  CHECK(f.total() == 20'001);
}

TEST_CASE("queue: retries back off exponentially with jitter") {
  Fixture f;
  f.options.delay = 0ms;
  const ExportResult busy{.outcome = Outcome::retry, .reason = "http_503"};
  f.script.results = {busy, busy, busy};
  f.random = 0.5;
  std::promise<void> sent;
  f.script.each = [&, attempt = 0](const SpanBatch&) mutable {
    if (attempt++ < 3) return busy;
    sent.set_value();
    return ExportResult{};
  };
  f.start();
  f.offer(1);
  sent.get_future().wait();
  f.queue->shutdown(10s);
  CHECK(f.waiter.waits == std::vector<std::chrono::nanoseconds>{750ms, 1500ms, 3000ms});
  CHECK(f.count("sent") == 1);
  CHECK(f.queue->counters().last_error.empty());
}

TEST_CASE("queue: a batch is given up when retries take too long") {
  Fixture f;
  f.options.delay = 0ms;
  f.options.retry.max_elapsed = 10s;
  std::promise<void> lost;
  f.options.on_drop = [&](const Span&, std::string_view reason) {
    CHECK(reason == "retry");
    lost.set_value();
  };
  f.script.each = [](const SpanBatch&) {
    return ExportResult{.outcome = Outcome::retry, .reason = "connect", .detail = "refused\nby peer"};
  };
  f.random = 1;
  f.start();
  f.offer(1);
  lost.get_future().wait();
  f.queue->shutdown(10s);
  CHECK(f.count("dropped_retry") == 1);
  CHECK(f.script.batches.size() == 4);  // at 0, 1, 3, 7 s; the next would be at 15 s
  CHECK(f.queue->counters().last_error == "connect: refused by peer");
}

TEST_CASE("queue: Retry-After is kept, for later batches too, and capped") {
  Fixture f;
  f.options.delay = 0ms;
  f.options.retry.max_elapsed = 20s;
  f.options.retry.max_retry_after = 60s;
  f.script.results = {{.outcome = Outcome::retry, .retry_after = 7s, .reason = "http_429"},
                      {.outcome = Outcome::retry, .retry_after = 7200s, .reason = "http_429"}};
  std::promise<void> second;
  f.script.each = [&, attempt = 0](const SpanBatch&) mutable {
    if (attempt == 2) second.set_value();
    return attempt++ < 2 ? f.script.results[static_cast<std::size_t>(attempt - 1)] : ExportResult{};
  };
  std::promise<void> lost;
  f.options.on_drop = [&](const Span&, std::string_view) { lost.set_value(); };
  f.start();
  f.offer(1);
  lost.get_future().wait();  // 60 s are more than max_elapsed
  f.offer(1);
  second.get_future().wait();
  f.queue->shutdown(10s);
  REQUIRE(f.script.times.size() == 3);
  CHECK(f.script.times[1] - f.script.times[0] == 7'000'000'000);
  CHECK(f.script.times[2] - f.script.times[1] == 60'000'000'000);
  CHECK(f.count("dropped_retry") == 1);
  CHECK(f.count("sent") == 1);
}

TEST_CASE("queue: partial success is counted and never sent again") {
  Fixture f;
  f.gated();
  f.script.results = {{}, {.rejected_spans = 3, .reason = "partial_success", .detail = "no"}};
  f.start();
  f.offer(1);
  f.wait_for_first_send();
  f.offer(10);
  f.open_gate.set_value();
  f.queue->shutdown(10s);
  CHECK(f.script.batches == std::vector<std::size_t>{1, 10});
  CHECK(f.count("sent") == 8);
  CHECK(f.count("rejected") == 3);
  CHECK(f.queue->counters().last_error == "partial_success: no");
}

TEST_CASE("queue: a refused batch is given up at once") {
  Fixture f;
  f.script.each = [](const SpanBatch&) { return ExportResult{.outcome = Outcome::refused, .reason = "http_400"}; };
  f.start();
  f.offer(5);
  f.queue->shutdown(10s);
  CHECK(f.count("failed") == 5);
  CHECK(std::accumulate(f.script.batches.begin(), f.script.batches.end(), std::size_t{0}) == 5);
}

TEST_CASE("queue: a batch that is too large is halved until it fits; one span alone is dropped") {
  Fixture f;
  f.gated();
  f.script.each = [&](const SpanBatch& batch) {
    const bool has_giant = std::any_of(batch.begin(), batch.end(), [](const SpanPtr& s) { return s->name == "giant"; });
    return ExportResult{.outcome = batch.size() > 3 || has_giant ? Outcome::too_large : Outcome::accepted,
                        .reason = "too_large"};
  };
  f.start();
  f.offer(1);
  f.wait_for_first_send();
  Span giant = test::sample_server_span();
  giant.name = "giant";
  f.queue->offer(test::share(giant));
  f.offer(9);
  f.open_gate.set_value();
  f.queue->shutdown(10s);
  CHECK(f.count("sent") == 10);
  CHECK(f.count("dropped_too_large") == 1);
}

TEST_CASE("queue: shutdown flushes without waiting for the delay") {
  Fixture f;
  f.options.delay = std::chrono::hours(1);
  BatchQueue queue(std::make_unique<ScriptedExporter>(f.script, f.clock), f.options);  // real clock, real waiting
  for (int i = 0; i < 700; i++) queue.offer(test::share(test::sample_server_span()));
  queue.shutdown(60s);
  CHECK(queue.counters().by_result.at("sent") == 700);
  CHECK(queue.counters().queued == 0);
}

TEST_CASE("queue: shutdown ends a hanging send at its bound and counts the rest") {
  Fixture f;
  f.script.end_on_cancel = true;
  f.options.delay = 0ms;
  BatchQueue queue(std::make_unique<ScriptedExporter>(f.script, f.clock), f.options);
  for (int i = 0; i < 700; i++) queue.offer(test::share(test::sample_server_span()));
  f.wait_for_first_send();
  queue.shutdown(20ms);  // the test's own time limit is the assertion
  queue.offer(test::share(test::sample_server_span()));
  CHECK(queue.counters().by_result.at("dropped_shutdown") == 701);
}

TEST_CASE("queue: shutdown does not wait out a retry pause that is longer than its bound") {
  Fixture f;
  f.options.delay = 0ms;
  f.options.retry.initial = std::chrono::hours(1);
  f.options.retry.max = std::chrono::hours(1);
  f.options.retry.max_elapsed = std::chrono::hours(3);
  f.script.each = [](const SpanBatch&) { return ExportResult{.outcome = Outcome::retry, .reason = "connect"}; };
  BatchQueue queue(std::make_unique<ScriptedExporter>(f.script, f.clock), f.options);
  queue.offer(test::share(test::sample_server_span()));
  f.wait_for_first_send();
  queue.shutdown(std::chrono::minutes(10));
  CHECK(queue.counters().by_result.at("dropped_shutdown") == 1);
}

TEST_CASE("queue: an exporter that keeps something back is called again in time and at the end") {
  Fixture f;
  f.script.idle_results = {200ms, 300ms};
  f.start();
  while (f.clock.now < 1'500'000'000) std::this_thread::yield();
  f.queue->shutdown(10s);
  CHECK(f.waiter.waits == std::vector<std::chrono::nanoseconds>{200ms, 300ms});
  CHECK(f.script.idle_calls == 3);
  CHECK(f.script.idle_last_calls == 1);
}

TEST_CASE("retry: pauses double, are capped, and have a random upper half") {
  const RetryOptions options{.initial = 1s, .max = 30s};
  CHECK(backoff(options, 1, 0) == 500ms);
  CHECK(backoff(options, 2, 0) == 1s);
  CHECK(backoff(options, 1, 0.999999) < 1s);
  CHECK(backoff(options, 10, 0) == 15s);
  CHECK(backoff(options, 4'000'000'000u, 0) == 15s);
  CHECK(retry_after_pause(options, 10s, 0) == 10s);
  CHECK(retry_after_pause(options, 10s, 1) == 11s);
}

TEST_CASE("retry: Retry-After in every form of RFC 9110") {
  const std::uint64_t now = 784'111'777ull * 1'000'000'000;  // Sun, 06 Nov 1994 08:49:37 GMT
  CHECK(parse_retry_after("120", now) == 120s);
  CHECK(parse_retry_after(" 0 ", now) == 0s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now) == 60s);
  CHECK(parse_retry_after("Sunday, 06-Nov-94 08:50:07 GMT", now) == 30s);
  CHECK(parse_retry_after("Sun Nov  6 08:49:47 1994", now) == 10s);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now) == 0s);  // past
  CHECK(parse_retry_after("99999999999999999999999", now) == 24h);       // bounded
  for (const char* bad : {"", "-1", "1.5", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "1 2"})
    CHECK_MESSAGE(!parse_retry_after(bad, now), bad);
}

}  // namespace
}  // namespace weft
