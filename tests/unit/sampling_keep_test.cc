// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>

#include "base/clock.h"
#include "sampling/trace_keeper.h"
#include "unit/store_spans.h"

namespace weft {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

struct Keeping {
  explicit Keeping(KeepOptions options, KeepLimits limits = {})
      : keeper(with_services(std::move(options)), limits, clock, [this](const SpanPtr& span) { out.push_back(span); }) {
  }
  static KeepOptions with_services(KeepOptions options) {
    options.services = {"*"};
    return options;
  }
  void pass(std::uint64_t ns) {
    clock.monotonic += ns;
    keeper.sweep();
  }
  // An exchange from beginning to end.
  void exchange(const SpanRecipe& recipe) {
    keeper.begins(trace_id(recipe.trace));
    keeper.ends(make_span(recipe));
  }
  std::size_t of_trace(int trace) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(out, [&](const SpanPtr& span) { return span->trace_id == trace_id(trace); }));
  }

  ManualClock clock;
  std::vector<SpanPtr> out;
  TraceKeeper keeper;
};

TEST_CASE("keep: an error of one span keeps all of its trace, before and after") {
  Keeping k({.errors = true});
  k.keeper.begins(trace_id(1));  // the root, open
  k.exchange({.trace = 1, .span = 2});
  k.exchange({.trace = 2, .span = 9});
  k.pass(60 * second_ns);  // the root takes its time
  CHECK(k.out.empty());
  k.exchange({.trace = 1, .span = 3, .error = true});
  CHECK(k.of_trace(1) == 2);
  CHECK(k.out.back()->attributes.text("weft.sampling.kept") == "error");
  k.keeper.ends(make_span({.trace = 1, .span = 1}));
  k.exchange({.trace = 1, .span = 4});
  CHECK(k.of_trace(1) == 4);
  CHECK(k.of_trace(2) == 0);
  CHECK(k.keeper.counters().kept.at("error") == 1);
  CHECK(k.keeper.counters().dropped.at("no_rule") == 1);
}

TEST_CASE("keep: a trace that no rule holds for goes after a short wait") {
  Keeping k({.errors = true});
  k.exchange({.trace = 1});
  k.pass(second_ns / 2);
  CHECK(k.keeper.counters().waiting == 1);
  k.exchange({.trace = 1, .span = 2, .error = true});  // just in time
  CHECK(k.of_trace(1) == 2);
  k.exchange({.trace = 2});
  k.pass(second_ns);
  CHECK(k.keeper.counters().waiting == 0);
  CHECK(k.keeper.counters().dropped.at("no_rule") == 1);
}

TEST_CASE("keep: slow, by a limit or by the route's P99") {
  Keeping k({.slower_than = std::chrono::milliseconds(100)});
  k.exchange({.trace = 1, .length_ms = 100});
  k.exchange({.trace = 2, .length_ms = 101});
  CHECK(k.of_trace(1) == 0);
  CHECK(k.of_trace(2) == 1);

  Keeping p({.slower_than_p99 = true});
  const SpanRecipe slow{.trace = 1, .length_ms = 50, .method = "GET", .route = "/a"};
  p.exchange(slow);
  CHECK(p.out.empty());  // nothing is known of the route yet
  p.keeper.set_routes(
      {{.service = "orders", .kind = "SERVER", .method = "GET", .route = "/a", .requests = 1000, .p99_ns = 49'000'000},
       {.service = "orders", .kind = "SERVER", .method = "GET", .route = "/b", .requests = 99, .p99_ns = 1}});
  p.exchange({.trace = 2, .length_ms = 49, .method = "GET", .route = "/a"});
  p.exchange({.trace = 3, .length_ms = 50, .method = "GET", .route = "/a"});
  p.exchange({.trace = 4, .length_ms = 50, .method = "GET", .route = "/b"});  // too few requests to say
  CHECK(p.of_trace(2) == 0);
  CHECK(p.of_trace(3) == 1);
  CHECK(p.of_trace(4) == 0);
  CHECK(p.keeper.counters().kept.at("slow_p99") == 1);
}

TEST_CASE("keep: by status") {
  Keeping k({.status = {{404, 404}, {500, 599}}});
  const auto with_status = [&](int trace, std::int64_t status) {
    auto span = std::make_shared<Span>(*make_span({.trace = trace}));
    span->attributes.set("http.response.status_code", status);
    k.keeper.begins(span->trace_id);
    k.keeper.ends(span);
  };
  with_status(1, 200);
  with_status(2, 404);
  with_status(3, 503);
  CHECK(k.out.size() == 2);
  CHECK(k.of_trace(1) == 0);
}

TEST_CASE("keep: so many traces a second, and none in part") {
  Keeping k({.errors = true, .max_per_second = 2});
  for (int trace = 1; trace <= 5; ++trace) {
    k.exchange({.trace = trace, .span = 1});
    k.exchange({.trace = trace, .span = 2, .error = true});
    k.exchange({.trace = trace, .span = 3, .error = true});
  }
  for (int trace = 1; trace <= 5; ++trace) CHECK(k.of_trace(trace) == (trace <= 2 ? 3 : 0));
  CHECK(k.keeper.counters().dropped.at("limit") == 3);
  k.clock.monotonic += second_ns;
  k.exchange({.trace = 6, .error = true});
  CHECK(k.of_trace(6) == 1);
}

TEST_CASE("keep: bounded in traces and in bytes; the oldest goes") {
  Keeping k({.errors = true}, {.traces = 3});
  for (int trace = 1; trace <= 4; ++trace) k.exchange({.trace = trace});
  CHECK(k.keeper.counters().dropped.at("full") == 1);
  k.exchange({.trace = 2, .span = 2, .error = true});
  CHECK(k.of_trace(2) == 2);

  Keeping b({.errors = true}, {.bytes = 4000});
  for (int trace = 1; trace <= 100; ++trace) b.exchange({.trace = trace});
  CHECK(b.keeper.counters().dropped.at("full") > 50);
}

TEST_CASE("keep: however long a trace stays open, it ends") {
  Keeping k({.errors = true});
  k.keeper.begins(trace_id(1));
  k.pass(400 * second_ns);
  CHECK(k.keeper.counters().dropped.at("too_long") == 1);
}

TEST_CASE("keep: switched off it holds nothing") {
  Keeping k({});
  k.exchange({.trace = 1, .error = true});
  k.pass(1);
  CHECK(k.out.empty());
  CHECK(k.keeper.counters().waiting == 0);
}

}  // namespace
}  // namespace weft
