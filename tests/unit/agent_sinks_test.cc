// SPDX-License-Identifier: Apache-2.0
// What spans count as, whether they share what they have in common or not.
#include <doctest/doctest.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <random>
#include <sstream>

#include "agent/sinks.h"
#include "unit/store_spans.h"

using namespace weft;

namespace {

struct Scene {
  ManualClock clock;
  std::unique_ptr<Sinks> sinks;

  Scene() {
    clock.monotonic = 1'000'000'000;
    auto made = Sinks::create({}, clock);
    REQUIRE(made);
    sinks = std::move(*made);
  }
  std::string metrics() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, sinks->metrics.Collect());
    return out.str();
  }
  std::string routes() const {
    std::ostringstream out;
    for (const RouteRow& row : sinks->routes.rows())
      out << row.service << ' ' << row.kind << ' ' << row.method << ' ' << row.route << ' ' << row.total << ' '
          << row.errors << ' ' << row.p99_ns << '\n';
    return out.str();
  }
};

Assembled assembled(const std::string& route, SpanKind kind, const std::string& service) {
  auto span = std::make_shared<Span>(*make_span(
      {.length_ms = 1, .service = service, .kind = kind, .name = "GET " + route, .method = "GET", .route = route}));
  Assembled all;
  all.span = std::move(span);
  return all;
}

}  // namespace

TEST_CASE("sinks: spans that share what they have in common count like those that do not") {
  Scene shared, alone;
  std::mt19937 random(11);
  std::map<std::string, std::shared_ptr<const CommonAttributes>> commons;
  for (int i = 0; i < 5000; i++) {
    const std::string route = "/r" + std::to_string(random() % 9), service = random() % 2 ? "a" : "b";
    const SpanKind kind = random() % 2 ? SpanKind::server : SpanKind::client;
    Assembled one = assembled(route, kind, service);
    auto& span = const_cast<Span&>(*one.span);
    span.end_unix_ns += random() % 50'000'000;
    span.trace_id = random() % 8 ? trace_id(i + 1) : TraceId{};
    if (random() % 2) span.parent_span_id = id_of<SpanId>(5);
    one.record = random() % 4;
    one.unsampled = !one.record && random() % 2;
    Assembled other = one;
    auto copy = std::make_shared<Span>(span);
    auto& common = commons[route + service + (kind == SpanKind::server ? "s" : "c")];
    if (!common || random() % 200 == 0) common = std::make_shared<const CommonAttributes>(span.attributes.items);
    copy->attributes.common = common;
    copy->attributes.items = {{AttributeKey("network.peer.port"), static_cast<std::int64_t>(random())}};
    other.span = std::move(copy);
    alone.sinks->take(one);
    shared.sinks->take(other);
  }
  CHECK(shared.metrics() == alone.metrics());
  CHECK(shared.routes() == alone.routes());
  CHECK(shared.routes().find("/r8") != std::string::npos);
  CHECK(shared.sinks->store.counters().spans == alone.sinks->store.counters().spans);
}

TEST_CASE("sinks: what is only called, never entered, has no trace health; what is ignored has no route") {
  Scene scene;
  Assembled call = assembled("/", SpanKind::client, "caller");
  auto& span = const_cast<Span&>(*call.span);
  span.parent_span_id = id_of<SpanId>(5);
  span.attributes.common = std::make_shared<const CommonAttributes>(std::exchange(span.attributes.items, {}));
  scene.sinks->take(call);
  CHECK(scene.metrics().find("service=\"caller\"") == std::string::npos);
  Assembled probe = assembled("/healthz", SpanKind::server, "served");
  auto& ignored = const_cast<Span&>(*probe.span);
  ignored.attributes.common = std::make_shared<const CommonAttributes>(std::exchange(ignored.attributes.items, {}));
  probe.record = false;
  scene.sinks->take(probe);
  CHECK(scene.routes().empty());
  CHECK(scene.metrics().find("otel_traces_received_total{service=\"served\"} 1") != std::string::npos);
  probe.record = true;  // its route is counted from now on
  scene.sinks->take(probe);
  CHECK(scene.routes().starts_with("served SERVER GET /healthz 1"));
}

TEST_CASE("sinks: what is looked up once belongs to those that share it, however many come and go") {
  Scene scene;
  for (int i = 0; i < 10'000; i++) {
    Assembled one = assembled("/r" + std::to_string(i % 200), SpanKind::server, "a");
    auto& span = const_cast<Span&>(*one.span);
    span.attributes.common = std::make_shared<const CommonAttributes>(std::exchange(span.attributes.items, {}));
    one.unsampled = true;
    one.record = false;
    scene.sinks->take(one);
  }
  for (const RouteRow& row : scene.sinks->routes.rows()) CHECK(row.total == 50);
  CHECK(scene.sinks->routes.rows().size() == 200);
}
