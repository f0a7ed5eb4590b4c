// SPDX-License-Identifier: Apache-2.0
// What a queue tells for the log while its exporter fails and works again.
#include <doctest/doctest.h>

#include "unit/exporter_queue_scene.h"

namespace weft {
namespace {

// What a queue with one span in each request says while its exporter answers so, one span a second.
struct Changes {
  Fixture f;
  std::vector<ExportChange> told;  // read it after shutdown()

  explicit Changes(std::deque<ExportResult> results) {
    f.options.delay = 0ms;
    f.options.batch = 1;
    f.options.retry.max_elapsed = 0ms;  // each span is tried once
    f.options.on_change = [this](const ExportChange& change) { told.push_back(change); };
    const std::size_t spans = results.size();
    f.script.results = std::move(results);
    std::promise<void> all;
    f.script.each = [&, answered = std::size_t{0}](const SpanBatch&) mutable {
      f.clock.now += 1'000'000'000;
      ExportResult result = f.script.results[answered];
      if (++answered == spans) all.set_value();
      return result;
    };
    f.start();
    f.offer(spans);
    all.get_future().wait();
    f.queue->shutdown(10s);
  }
};

const ExportResult kNobody{.outcome = Outcome::retry, .reason = "connect", .detail = "refused\nby peer"};

TEST_CASE("queue: says once that an exporter begins to fail, and once that it works again and what was lost") {
  const Changes changes({{}, kNobody, kNobody, {.outcome = Outcome::refused, .reason = "http_503"}, {}, {}});
  REQUIRE(changes.told.size() == 2);
  CHECK_FALSE(changes.told[0].works);
  CHECK(changes.told[0].outcome == Outcome::retry);
  CHECK(changes.told[0].reason == "connect");
  CHECK(changes.told[0].error == "connect: refused by peer");
  CHECK(changes.told[1].works);
  CHECK(changes.told[1].lost == 3);
}

TEST_CASE("queue: an exporter that fails from the start and for good says so once; one that works says nothing") {
  const Changes failing(std::deque<ExportResult>(500, kNobody));
  REQUIRE(failing.told.size() == 1);
  CHECK_FALSE(failing.told[0].works);
  CHECK(Changes(std::deque<ExportResult>(5)).told.empty());
}

TEST_CASE("queue: an exporter that fails now and then says so once a minute at most") {
  std::deque<ExportResult> now_and_then;
  for (int i = 0; i < 120; i++) now_and_then.push_back(i % 2 ? ExportResult{} : kNobody);
  const Changes changes(now_and_then);
  CHECK(changes.told.size() == 4);  // after 1, 2, 63 and 64 s
  for (std::size_t i = 0; i < changes.told.size(); i++) CHECK(changes.told[i].works == (i % 2 == 1));
}

TEST_CASE("queue: a batch that is halved, and a send that shutdown ends, are no failures to tell of") {
  Fixture f;
  std::vector<ExportChange> told;
  f.options.on_change = [&](const ExportChange& change) { told.push_back(change); };
  f.gated();
  f.script.each = [](const SpanBatch& batch) {
    return ExportResult{.outcome = batch.size() > 3 ? Outcome::too_large : Outcome::accepted, .reason = "too_large"};
  };
  f.start();
  f.offer(1);
  f.wait_for_first_send();
  f.offer(9);
  f.open_gate.set_value();
  f.queue->shutdown(10s);
  CHECK(f.count("sent") == 10);
  CHECK(told.empty());

  Fixture hanging;
  hanging.script.end_on_cancel = true;
  hanging.options.delay = 0ms;
  hanging.options.on_change = f.options.on_change;
  BatchQueue queue(std::make_unique<ScriptedExporter>(hanging.script, hanging.clock), hanging.options);
  queue.offer(test::share(test::sample_server_span()));
  hanging.wait_for_first_send();
  queue.shutdown(1ms);
  CHECK(told.empty());
}

}  // namespace
}  // namespace weft
