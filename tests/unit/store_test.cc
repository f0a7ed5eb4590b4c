// SPDX-License-Identifier: Apache-2.0
#include "pipeline/store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "unit/store_spans.h"

using namespace weft;
using namespace std::chrono_literals;

namespace {

std::size_t bytes_of(const SpanPtr& span) {
  TraceStore store(1, 1 << 20);
  store.offer(span);
  return store.counters().bytes;
}

std::shared_ptr<const CommonAttributes> common_of(const std::string& text) {
  Attributes attributes;
  attributes.set("common", text);
  return std::make_shared<const CommonAttributes>(attributes.items);
}

SpanPtr span_with(int trace, int span, const std::shared_ptr<const CommonAttributes>& common) {
  auto made = std::make_shared<Span>(*make_span({.trace = trace, .span = span}));
  made->attributes.common = common;
  made->attributes.set("own", std::int64_t{span});
  return made;
}

}  // namespace

TEST_CASE("store: a trace is found by its id, by start time") {
  TraceStore store(10, 1 << 20);
  store.offer(make_span({.trace = 1, .span = 2, .parent = 1, .start_ms = 20, .name = "child"}));
  store.offer(make_span({.trace = 1, .span = 1, .start_ms = 10, .name = "root"}));
  store.offer(make_span({.trace = 2, .span = 1}));
  const auto spans = store.trace(trace_id(1));
  REQUIRE(spans.size() == 2);
  CHECK(spans[0]->name == "root");
  CHECK(spans[1]->name == "child");
  CHECK(store.trace(trace_id(9)).empty());
}

TEST_CASE("store: the number of traces is bounded, the oldest goes first") {
  TraceStore store(3, 1 << 20);
  for (int i = 1; i <= 5; ++i) store.offer(make_span({.trace = i}));
  CHECK(store.counters().traces == 3);
  CHECK(store.counters().spans == 3);
  CHECK(store.counters().evicted_traces == 2);
  CHECK(store.trace(trace_id(2)).empty());
  CHECK(store.trace(trace_id(3)).size() == 1);
  CHECK(store.trace(trace_id(5)).size() == 1);
}

TEST_CASE("store: bytes are bounded and given back on eviction") {
  const auto one = make_span({.trace = 1, .name = std::string(1000, 'x')});
  const std::size_t each = bytes_of(one);
  CHECK(each > 1000);
  TraceStore store(1000, 10 * each);
  for (int i = 1; i <= 50; ++i) store.offer(make_span({.trace = i, .name = std::string(1000, 'x')}));
  CHECK(store.counters().bytes == 10 * each);
  CHECK(store.counters().traces == 10);
  CHECK(store.trace(trace_id(50)).size() == 1);
}

TEST_CASE("store: one endless trace cannot push out the others") {
  const std::size_t each = bytes_of(make_span({.trace = 1}));
  TraceStore store(1000, 40 * each);
  store.offer(make_span({.trace = 7}));
  for (int i = 1; i <= 1000; ++i) store.offer(make_span({.trace = 1, .span = i}));
  CHECK(store.trace(trace_id(7)).size() == 1);
  CHECK(store.trace(trace_id(1)).size() == 10);
  CHECK(store.counters().refused_spans == 990);
  CHECK(store.counters().evicted_traces == 0);
}

TEST_CASE("store: places used again, large traces between small ones") {
  TraceStore store(7, 1 << 20);
  for (int i = 1; i <= 300; ++i) {
    store.offer(make_span({.trace = i, .span = 1, .service = "a", .name = std::string(i % 10 ? 10 : 5000, 'x')}));
    store.offer(make_span({.trace = i, .span = 2, .start_ms = 2000, .service = "b", .name = std::to_string(i)}));
    for (int old = 1; old <= i; ++old) {
      const auto spans = store.trace(trace_id(old));
      REQUIRE(spans.size() == (i - old < 7 ? 2 : 0));
      if (spans.empty()) continue;
      CHECK(spans[1]->name == std::to_string(old));
      CHECK(spans[0]->resource->service_name == "a");
      CHECK(spans[1]->resource->service_name == "b");
    }
  }
  CHECK(store.counters().traces == 7);
  CHECK(store.counters().spans == 14);
  CHECK(store.counters().evicted_traces == 293);
  CHECK(store.spans({.service = "b"}, 3).at(0)->name == "298");
}

TEST_CASE("store: what spans have in common is shared, and counted as if it were not") {
  const auto common = common_of(std::string(1000, 'c'));
  TraceStore store(3, 1 << 20);
  std::size_t bytes = 0;
  for (int i = 1; i <= 100; ++i) {
    for (int n = 1; n <= 4; ++n) store.offer(span_with(i, n, common));
    if (i == 10) bytes = store.counters().bytes;
  }
  CHECK(bytes > 3 * 4 * 1000);
  CHECK(store.counters().bytes == bytes);
  CHECK(common.use_count() == 1 + 3 * 4);
  const auto spans = store.trace(trace_id(99));
  REQUIRE(spans.size() == 4);
  CHECK(spans[2]->attributes.text("common") == std::string(1000, 'c'));
  CHECK(spans[2]->attributes.text("own") == "3");
  CHECK(spans[2]->attributes.common == common);
}

TEST_CASE("store: a trace is cut where it would take more than its share of what is shared, too") {
  const auto common = common_of(std::string(1000, 'c'));
  TraceStore store(10, 40'000);
  for (int n = 1; n <= 100; ++n) store.offer(span_with(1, n, common));
  const std::size_t kept = store.trace(trace_id(1)).size();
  CHECK(kept >= 6);
  CHECK(kept <= 9);
  CHECK(store.counters().refused_spans == 100 - kept);
  CHECK(common.use_count() == 1 + static_cast<long>(kept));
}

// Against the plainest store there is: which traces are there is its own affair, what they hold is not.
TEST_CASE("store: random spans of random ids, bounded by number and by bytes at once") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 30; ++round) {
    const std::size_t most = 1 + random() % 9, bytes = 2000 + random() % 40'000;
    TraceStore store(most, bytes);
    std::vector<TraceId> ids;
    std::map<std::array<std::uint8_t, 16>, std::vector<std::string>> offered;
    std::vector<std::shared_ptr<const CommonAttributes>> commons{nullptr, nullptr};
    for (int i = 0; i < 3; ++i) commons.push_back(common_of(std::string(random() % 2000, 'c')));
    for (int i = 0; i < 2000; ++i) {
      if (ids.empty() || random() % 3 == 0) {
        TraceId id;
        for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random() % (round % 2 ? 2 : 256));
        ids.push_back(id);
      }
      auto span = std::make_shared<Span>(*make_span({.start_ms = static_cast<std::uint64_t>(i)}));
      span->trace_id = ids[ids.size() - 1 - random() % std::min<std::size_t>(ids.size(), 12)];
      span->name = std::to_string(i) + std::string(random() % 20 ? random() % 50 : random() % 6000, 'x');
      span->attributes.common = commons[random() % commons.size()];
      span->attributes.set("size", static_cast<std::int64_t>(span->attributes.text("common").size()));
      store.offer(span);
      offered[span->trace_id.bytes].push_back(span->name);
      const StoreCounters counters = store.counters();
      REQUIRE(counters.traces <= most);
      REQUIRE(counters.bytes <= bytes);
      if (i % 20) continue;
      std::size_t spans = 0, traces = 0;
      for (const auto& [id, names] : offered) {
        const auto kept = store.trace(TraceId{id});
        spans += kept.size();
        std::size_t at = 0;  // those that are there are some of those that were offered, in their order
        for (const auto& one : kept) {
          while (at < names.size() && names[at] != one->name) ++at;
          REQUIRE(at < names.size());
          CHECK(one->attributes.text("size") == std::to_string(one->attributes.text("common").size()));
        }
      }
      for (const auto& summary : store.traces({}, 100)) {
        ++traces;
        CHECK(summary.spans == store.trace(summary.trace_id).size());
      }
      CHECK(spans == counters.spans);
      CHECK(traces <= counters.traces);
      CHECK(store.spans({}, 10'000).size() == spans);
    }
    CHECK(store.trace(ids.back()).size() <= offered[ids.back().bytes].size());
  }
}

TEST_CASE("store: spans are the last N that match, oldest first") {
  TraceStore store(100, 1 << 20);
  for (int i = 1; i <= 20; ++i) {
    store.offer(make_span({.trace = i % 4 + 1,
                           .span = i,
                           .service = i % 2 ? "odd" : "even",
                           .kind = i % 5 ? SpanKind::server : SpanKind::client,
                           .error = i == 13,
                           .name = std::to_string(i)}));
  }
  const auto names = [&](const SpanFilter& filter, std::size_t limit) {
    std::string text;
    for (const auto& span : store.spans(filter, limit)) text += span->name + " ";
    return text;
  };
  CHECK(names({}, 3) == "18 19 20 ");
  CHECK(names({.service = "odd"}, 2) == "17 19 ");
  CHECK(names({.kind = SpanKind::client}, 100) == "5 10 15 20 ");
  CHECK(names({.error = true}, 100) == "13 ");
  CHECK(names({.trace_id = trace_id(1)}, 100) == "4 8 12 16 20 ");
  CHECK(names({.service = "odd", .kind = SpanKind::client}, 100) == "5 15 ");
  CHECK(names({.service = "none"}, 100).empty());
}

TEST_CASE("store: trace summaries, newest first, with filters") {
  TraceStore store(100, 1 << 20);
  store.offer(make_span({.trace = 1, .span = 2, .parent = 1, .start_ms = 105, .length_ms = 50, .service = "back"}));
  store.offer(
      make_span({.trace = 1, .span = 1, .start_ms = 100, .length_ms = 200, .service = "front", .name = "GET /a"}));
  store.offer(make_span({.trace = 2,
                         .span = 3,
                         .parent = 9,
                         .start_ms = 400,
                         .length_ms = 5,
                         .service = "back",
                         .error = true,
                         .name = "GET /b"}));
  const auto all = store.traces({}, 10);
  REQUIRE(all.size() == 2);
  CHECK(all[0].trace_id == trace_id(2));
  CHECK(all[0].root_name == "GET /b");  // its parent is elsewhere: the earliest stands for the root
  CHECK(all[0].errors == 1);
  CHECK(all[1].root_name == "GET /a");
  CHECK(all[1].root_service == "front");
  CHECK(all[1].spans == 2);
  CHECK(all[1].duration_ns == 200'000'000);
  CHECK(all[1].services == std::vector<std::string>{"back", "front"});
  CHECK(store.traces({}, 1).size() == 1);
  CHECK(store.traces({.service = "front"}, 10).size() == 1);
  CHECK(store.traces({.service = "back"}, 10).size() == 2);
  CHECK(store.traces({.min_duration_ns = 100'000'000}, 10).at(0).trace_id == trace_id(1));
  CHECK(store.traces({.error = true}, 10).at(0).trace_id == trace_id(2));
}

TEST_CASE("follow: matching spans arrive in order; a slow follower loses, counted; the others do not notice") {
  TraceStore store(100, 1 << 20);
  store.offer(make_span({.trace = 1, .name = "before"}));
  const auto slow = store.follow({}, 3);
  const auto quick = store.follow({.service = "b"}, 100);
  for (int i = 1; i <= 10; ++i) {
    store.offer(make_span({.trace = 2, .span = i, .service = i % 2 ? "a" : "b", .name = std::to_string(i)}));
  }
  const auto seen = quick->take(0ms);
  REQUIRE(seen.size() == 5);
  CHECK(seen[0]->name == "2");
  CHECK(seen[4]->name == "10");
  CHECK(quick->lost() == 0);
  CHECK(slow->take(0ms).size() == 3);
  CHECK(slow->lost() == 7);
  CHECK(store.counters().follower_lost_spans == 7);
  store.offer(make_span({.trace = 3, .name = "again"}));
  CHECK(slow->take(0ms).at(0)->name == "again");
}

TEST_CASE("follow: close wakes a waiting follower, and a follower that is gone costs nothing more") {
  TraceStore store(100, 1 << 20);
  auto follower = store.follow({}, 1);
  std::thread waiter([&] { CHECK(follower->take(1h).empty()); });
  follower->close();
  waiter.join();
  store.offer(make_span({.trace = 1}));
  store.offer(make_span({.trace = 1, .span = 2}));
  CHECK(follower->take(0ms).empty());
  follower.reset();
  store.offer(make_span({.trace = 2}));
  CHECK(store.counters().follower_lost_spans == 0);
}

TEST_CASE("store: ids that count in any two of their bytes do not fall together") {
  constexpr std::size_t places = 2048;
  for (std::size_t byte = 0; byte + 1 < 16; byte++) {
    std::vector<std::size_t> taken(places);
    for (unsigned number = 0; number < places; number++) {
      TraceId id;
      id.bytes.fill(0x11);
      id.bytes[byte] = static_cast<std::uint8_t>(number >> 8);
      id.bytes[byte + 1] = static_cast<std::uint8_t>(number);
      taken[trace_hash(id, 0x5a17) % places]++;
    }
    CAPTURE(byte);
    CHECK(*std::ranges::max_element(taken) <= 12);  // of random ones 6 or 7
  }
}

TEST_CASE("store: offers and queries from several threads") {
  TraceStore store(50, 1 << 20);
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      (void)store.traces({}, 10);
      (void)store.spans({.service = "a"}, 10);
    }
  });
  const auto follower = store.follow({}, 100000);
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&store, w] {
      for (int i = 1; i <= 2000; ++i) store.offer(make_span({.trace = w * 10000 + i / 4 + 1, .span = i}));
    });
  }
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  CHECK(store.counters().traces == 50);
  CHECK(follower->take(0ms).size() == 4000);
}
