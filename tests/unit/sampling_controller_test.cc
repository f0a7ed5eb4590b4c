// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <memory>

#include "sampling/controller.h"
#include "sampling/pattern.h"

namespace weft {
namespace {

// A kernel that remembers what it was given.
struct Kernel {
  SamplingController controller{[this](const sampling_table& given) -> Result<void> {
    published++;
    if (!refusal.empty()) return fail(refusal);
    std::memcpy(table.get(), &given, sizeof given);
    return {};
  }};
  explicit Kernel(SamplingOptions options = {}) { REQUIRE(controller.configure(std::move(options))); }

  double ratio(const std::string& service) {
    return ratio_of(table->services[controller.number_of(service)].threshold);
  }
  const ServicePlan& plan(const std::string& service) {
    view = controller.view();
    for (const auto& one : view.services)
      if (one.name == service) return one.plan;
    FAIL("no such service");
    return view.services[0].plan;
  }

  std::unique_ptr<sampling_table> table = std::make_unique<sampling_table>();
  SamplingView view;
  std::string refusal;
  int published = 0;
};

TEST_CASE("sampling: a service that is as any other needs no new table") {
  Kernel kernel({.ratio = 0.5, .rules = {{.service = "pay*", .ratio = 1}}});
  const int before = kernel.published;
  CHECK(kernel.controller.number_of("orders") == 1);
  CHECK(kernel.controller.number_of("orders") == 1);
  CHECK(kernel.published == before);
  CHECK(kernel.ratio("orders") == 0.5);
  CHECK(kernel.controller.number_of("payments") == 2);
  CHECK(kernel.published == before + 1);
  CHECK(kernel.ratio("payments") == 1);
  CHECK(kernel.ratio("orders") == 0.5);
}

TEST_CASE("sampling: more services than places share the common ratio") {
  Kernel kernel({.ratio = 0.5});
  for (std::uint32_t i = 1; i < SAMPLING_SERVICES; ++i)
    CHECK(kernel.controller.number_of("s" + std::to_string(i)) == i);
  CHECK(kernel.controller.number_of("one more") == 0);
  CHECK(ratio_of(kernel.table->services[0].threshold) == 0.5);
}

TEST_CASE("sampling: what wins over what") {
  SamplingOptions options{.sampler = "parentbased_jaeger_remote", .ratio = 0.1, .remote = true};
  options.rules = {{.service = "orders", .path = "/health*", .ratio = 0}, {.service = "web", .ratio = 0.6}};
  Kernel kernel(options);
  for (const char* service : {"orders", "web", "stock"}) kernel.controller.number_of(service);
  CHECK(kernel.plan("orders").ratio == 0.1);
  CHECK(kernel.plan("web").source == "rule 2");

  REQUIRE(kernel.controller.set_remote("orders", {.ratio = 0.3, .operations = {{"GET", "/x", 1, "jaeger_remote"}}}));
  REQUIRE(kernel.controller.set_remote("web", {.ratio = 0.9}));
  CHECK(kernel.plan("orders").ratio == 0.3);
  CHECK(kernel.plan("orders").rules.size() == 2);
  CHECK(kernel.plan("orders").rules[0].path == "/health*");
  CHECK(kernel.plan("web").ratio == 0.6);

  REQUIRE(kernel.controller.set_ratio(0.2, ""));
  CHECK(kernel.ratio("stock") == doctest::Approx(0.2));
  CHECK(kernel.plan("orders").ratio == 0.3);
  CHECK(kernel.plan("stock").source == "set by hand");

  REQUIRE(kernel.controller.set_ratio(0.7, "web"));
  REQUIRE(kernel.controller.set_ratio(0.8, "orders"));
  CHECK(kernel.plan("web").ratio == 0.7);
  CHECK(kernel.plan("orders").ratio == 0.8);
  CHECK(kernel.plan("orders").rules.size() == 1);  // of a path: it still decides first

  REQUIRE(kernel.controller.set_ratio(std::nullopt, "web"));
  CHECK(kernel.plan("web").ratio == 0.6);
}

TEST_CASE("sampling: an order by hand holds until the configured ratios change") {
  Kernel kernel({.ratio = 0.1});
  REQUIRE(kernel.controller.set_ratio(0.9, ""));
  REQUIRE(kernel.controller.configure({.ratio = 0.1, .keep = {.services = {"*"}, .errors = true}}));
  CHECK(kernel.ratio("orders") == doctest::Approx(0.9));
  REQUIRE(kernel.controller.configure({.ratio = 0.2}));
  CHECK(kernel.ratio("orders") == doctest::Approx(0.2));
}

TEST_CASE("sampling: keep rules make a service report everything") {
  Kernel kernel({.ratio = 0, .keep = {.services = {"pay*"}, .errors = true}});
  const auto number = kernel.controller.number_of("payments");
  CHECK(kernel.table->services[number].flags == SAMPLING_REPORT_ALL);
  CHECK(kernel.table->services[kernel.controller.number_of("orders")].flags == 0);
  REQUIRE(kernel.controller.configure({.ratio = 0, .keep = {.services = {"*"}, .errors = true}}));
  CHECK(kernel.table->services[0].flags == SAMPLING_REPORT_ALL);
}

TEST_CASE("sampling: limits and floors reach the table") {
  Kernel kernel({.remote = true});
  const auto number = kernel.controller.number_of("orders");
  REQUIRE(kernel.controller.set_remote("orders", {.ratio = 0.5, .max_per_second = 4, .min_per_second = 0.5}));
  CHECK(kernel.table->services[number].interval_ns == 250'000'000);
  CHECK(kernel.table->services[number].floor_ns == 2'000'000'000);
  CHECK(kernel.table->services[0].interval_ns == 0);
}

TEST_CASE("sampling: a kernel that refuses is an error, and a ratio that is none") {
  Kernel kernel;
  CHECK_FALSE(kernel.controller.set_ratio(1.5, ""));
  CHECK_FALSE(kernel.controller.set_ratio(-0.1, "x"));
  kernel.refusal = "no memory";
  const auto refused = kernel.controller.set_ratio(0.5, "");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "no memory");
}

TEST_CASE("sampling: the base ratio of a route is what its rules say") {
  Kernel kernel({.ratio = 0.1, .rules = {{.service = "orders", .path = "/orders/*", .ratio = 0.4}}});
  REQUIRE(kernel.controller.set_raised({{"orders", "GET", "/orders/{id}", 0.9}}));
  CHECK(kernel.controller.base_ratio("orders", "GET", "/orders/{id}") == doctest::Approx(0.4));
  CHECK(kernel.controller.base_ratio("orders", "GET", "/other") == doctest::Approx(0.1));
  kernel.controller.number_of("orders");
  CHECK(kernel.plan("orders").rules[0].source == "adaptive");
}

}  // namespace
}  // namespace weft
