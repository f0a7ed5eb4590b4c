// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "sampling/adaptive.h"

namespace weft {
namespace {

RouteRow row(std::string route, double error_ratio, std::uint64_t p99_ms = 10, std::uint64_t requests = 100) {
  return {.service = "orders",
          .kind = "SERVER",
          .method = "GET",
          .route = std::move(route),
          .requests = requests,
          .error_ratio = error_ratio,
          .p99_ns = p99_ms * 1'000'000};
}

const BaseRatio one_percent = [](const auto&, const auto&, const auto&) { return 0.01; };

TEST_CASE("adaptive: a failing route rises step by step, no further than max_ratio, and falls again") {
  const AdaptiveOptions options{.max_ratio = 0.1, .error_ratio = 0.05};
  std::vector<RaisedRoute> raised;
  std::vector<double> ratios;
  for (int step = 0; step < 6; ++step) {
    raised = raise_routes(options, {row("/a/{id}", 0.2), row("/b", 0.04)}, raised, one_percent);
    REQUIRE(raised.size() == 1);
    CHECK(raised[0].route == "/a/{id}");
    ratios.push_back(raised[0].ratio);
  }
  CHECK(ratios == std::vector<double>{0.02, 0.04, 0.08, 0.1, 0.1, 0.1});
  for (int step = 0; step < 4; ++step) raised = raise_routes(options, {row("/a/{id}", 0)}, raised, one_percent);
  CHECK(raised.empty());
}

TEST_CASE("adaptive: a slow route rises too; few requests say nothing") {
  const AdaptiveOptions options{.max_ratio = 1, .error_ratio = 0, .slower_than = std::chrono::milliseconds(100)};
  const auto raised =
      raise_routes(options, {row("/slow", 0, 101), row("/quick", 1, 99), row("/rare", 0, 500, 19)}, {}, one_percent);
  REQUIRE(raised.size() == 1);
  CHECK(raised[0].route == "/slow");
}

TEST_CASE("adaptive: from nothing, and of what is sampled anyway") {
  const AdaptiveOptions options{.max_ratio = 0.5};
  const auto from_zero =
      raise_routes(options, {row("/a", 1)}, {}, [](const auto&, const auto&, const auto&) { return 0.0; });
  REQUIRE(from_zero.size() == 1);
  CHECK(from_zero[0].ratio == 0.01);
  CHECK(raise_routes(options, {row("/a", 1)}, {}, [](const auto&, const auto&, const auto&) { return 0.5; }).empty());
}

TEST_CASE("adaptive: the worst routes, and only those that a rule can name") {
  const AdaptiveOptions options{.max_ratio = 1};
  std::vector<RouteRow> rows = {row("/*", 1), row("GET", 1), row("/f/{id}.json", 0.9), row("/f/{date}.json", 0.8)};
  for (int i = 0; i < 40; ++i) rows.push_back(row("/r" + std::to_string(i), 0.1 + i * 0.01));
  const auto raised = raise_routes(options, rows, {}, one_percent);
  REQUIRE(raised.size() == kMostRaisedRoutes);
  CHECK(raised[0].route == "/f/{id}");
  CHECK(raised[1].route == "/r39");
}

}  // namespace
}  // namespace weft
