// SPDX-License-Identifier: Apache-2.0
#include "span/span_pool.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "support/same_span.h"

namespace weft {
namespace {

void fill(Span& span, std::size_t size) {
  span.trace_id.bytes.fill(1);
  span.span_id.bytes.fill(2);
  span.parent_span_id.bytes.fill(3);
  span.parent_is_remote = true;
  span.flags = 1;
  span.trace_state = "a=b";
  span.name = std::string(size, 'n');
  span.kind = SpanKind::client;
  span.start_unix_ns = 4;
  span.end_unix_ns = 5;
  span.status = StatusCode::error;
  span.status_message = std::string(size, 'm');
  span.attributes.common = std::make_shared<const CommonAttributes>(std::vector<Attribute>{});
  for (std::size_t i = 0; i < size; i++) span.attributes.set("k" + std::to_string(i), std::string(size, 'v'));
  span.resource = std::make_shared<const Resource>();
  span.links.push_back({span.trace_id, span.span_id});
  span.baggage.emplace_back("k", "v");
}

}  // namespace

TEST_CASE("span pool: what comes again is empty, and keeps little") {
  SpanPool pool;
  std::weak_ptr<const Resource> resource;
  for (const std::size_t size : {1, 4, 30, 300}) {
    std::shared_ptr<Span> span = pool.make();
    fill(*span, size);
    resource = span->resource;
    const Span* place = span.get();
    span.reset();
    CHECK(resource.expired());
    span = pool.make();
    CHECK(span.get() == place);
    testing::check_same(*span, Span());
    CHECK(span->attributes.items.capacity() <= 8);
    CHECK(span->name.capacity() <= 64);
    CHECK(span->status_message.capacity() < 30);
  }
  CHECK(pool.places() == 1);
}

TEST_CASE("span pool: those that are there at once have each their place, and those beyond the limit none") {
  SpanPool pool;
  for (int round = 0; round < 2; round++) {
    std::vector<SpanPtr> spans;
    for (std::size_t i = 0; i < SpanPool::kMost + 10; i++) {
      auto span = pool.make();
      CHECK(span->start_unix_ns == 0);
      span->start_unix_ns = i + 1;
      spans.push_back(std::move(span));
    }
    for (std::size_t i = 0; i < spans.size(); i++) CHECK(spans[i]->start_unix_ns == i + 1);
    CHECK(pool.places() == SpanPool::kMost);
  }
}

TEST_CASE("span pool: spans outlive it") {
  SpanPtr kept, also;
  {
    SpanPool pool;
    pool.make().reset();
    auto span = pool.make();
    span->name = "kept";
    kept = span;
    also = pool.make();
  }
  CHECK(kept->name == "kept");
  kept.reset();
}

TEST_CASE("span pool: a place is not given away while somebody may ask whether its span is there") {
  SpanPool pool;
  std::weak_ptr<const Span> asks = pool.make();
  CHECK(asks.expired());
  const auto other = pool.make();
  CHECK(asks.expired());
  CHECK(pool.places() == 2);
}

TEST_CASE("span pool: one thread makes them, others let them go") {
  constexpr std::size_t kSpans = 20'000, kWaiting = 200;
  SpanPool pool;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<SpanPtr> waiting;
  bool over = false;
  std::size_t wrong = 0;
  const auto let_go = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return over || !waiting.empty(); });
      if (waiting.empty()) return;
      std::vector<SpanPtr> batch = std::move(waiting);
      waiting.clear();
      changed.notify_all();
      lock.unlock();
      std::size_t bad = 0;
      for (SpanPtr& span : batch) {
        bad += span->name != std::to_string(span->start_unix_ns);
        span.reset();
      }
      lock.lock();
      wrong += bad;
    }
  };
  std::thread first(let_go), second(let_go);
  for (std::size_t i = 1; i <= kSpans; i++) {
    auto span = pool.make();
    const bool clean = span->name.empty() && span->attributes.items.empty();
    span->name = std::to_string(i);
    span->start_unix_ns = i;
    span->attributes.set("k", std::int64_t{1});
    std::unique_lock lock(mutex);
    wrong += !clean;
    changed.wait(lock, [&] { return waiting.size() < kWaiting; });
    waiting.push_back(std::move(span));
    changed.notify_all();
  }
  {
    const std::lock_guard lock(mutex);
    over = true;
    changed.notify_all();
  }
  first.join();
  second.join();
  CHECK(wrong == 0);
  CHECK(pool.places() <= 3 * kWaiting + 1);
}

}  // namespace weft
