// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "pipeline/routes_table.h"
#include "unit/store_spans.h"

using namespace weft;

namespace {
constexpr std::uint64_t kSecond = 1'000'000'000;
bool near(std::uint64_t value, std::uint64_t wanted) {
  return value >= wanted - wanted / 15 && value <= wanted + wanted / 15;
}
}  // namespace

TEST_CASE("histogram: quantiles are within a sixteenth over the whole range") {
  for (std::uint64_t ns = 2'000; ns < 100 * kSecond; ns = ns * 3 / 2 + 7) {
    LatencyHistogram one;
    one.add(ns);
    CAPTURE(ns);
    CHECK(near(one.quantile_ns(0.5), ns));
  }
  LatencyHistogram many;
  for (std::uint64_t i = 1; i <= 1000; ++i) many.add(i * 1'000'000);
  CHECK(near(many.quantile_ns(0.5), 500'000'000));
  CHECK(near(many.quantile_ns(0.99), 990'000'000));
  CHECK(near(many.quantile_ns(1), kSecond));
  CHECK(many.count() == 1000);
  many.add(0);
  many.add(~std::uint64_t{0});
  CHECK(many.count() == 1002);
  CHECK(LatencyHistogram().quantile_ns(0.5) == 0);
}

TEST_CASE("routes: rate, errors and quantiles of each route of each service") {
  ManualClock clock;
  clock.monotonic = 1000 * kSecond;
  RoutesTable table(clock);
  for (int i = 1; i <= 100; ++i) {
    table.offer(make_span(
        {.length_ms = static_cast<std::uint64_t>(i), .error = i > 90, .method = "GET", .route = "/users/{id}"}));
  }
  table.offer(make_span({.service = "back", .name = "GET"}));
  table.offer(make_span({.kind = SpanKind::client, .method = "GET", .route = "/users/{id}"}));
  clock.monotonic += 10 * kSecond;
  const auto rows = table.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].service == "orders");
  CHECK(rows[0].kind == "SERVER");
  CHECK(rows[0].method == "GET");
  CHECK(rows[0].route == "/users/{id}");
  CHECK(rows[0].requests == 100);
  CHECK(rows[0].errors == 10);
  CHECK(rows[0].error_ratio == doctest::Approx(0.1));
  CHECK(rows[0].rate_per_second == doctest::Approx(10));
  CHECK(near(rows[0].p50_ns, 50'000'000));
  CHECK(near(rows[0].p99_ns, 99'000'000));
  CHECK(rows[1].service == "back");
  CHECK(rows[1].route == "GET");
}

TEST_CASE("routes: the window moves on, totals stay") {
  ManualClock clock;
  clock.monotonic = 1000 * kSecond;
  RoutesTable table(clock);
  table.offer(make_span({.error = true, .route = "/a"}));
  clock.monotonic += 40 * kSecond;
  table.offer(make_span({.route = "/a"}));
  CHECK(table.rows().at(0).requests == 2);
  clock.monotonic += 30 * kSecond;
  CHECK(table.rows().at(0).requests == 1);
  CHECK(table.rows().at(0).errors == 0);
  clock.monotonic += 3600 * kSecond;
  const auto row = table.rows().at(0);
  CHECK(row.requests == 0);
  CHECK(row.rate_per_second == 0);
  CHECK(row.p99_ns == 0);
  CHECK(row.total == 2);
}

TEST_CASE("routes: the table is bounded; what does not fit is one row") {
  ManualClock clock;
  RoutesTable table(clock, 3);
  for (int i = 0; i < 10; ++i) table.offer(make_span({.route = "/" + std::to_string(i)}));
  const auto rows = table.rows();
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].route == "~other");
  CHECK(rows[0].requests == 7);
}
