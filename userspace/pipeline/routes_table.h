// SPDX-License-Identifier: Apache-2.0
// Rate, errors and latency of each route over the last minute, for `weft top`. Bounded: when the table is full, further
// routes share one row, "~other". Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "exporter/exporter.h"
#include "pipeline/latency_histogram.h"

namespace weft {

struct RouteRow {
  std::string service;
  std::string kind;            // "SERVER", "CONSUMER"
  std::string method;          // http.request.method; "" when the span has none
  std::string route;           // http.route, else the span's name
  std::uint64_t total = 0;     // since start
  std::uint64_t requests = 0;  // in the window
  std::uint64_t errors = 0;    // in the window
  double rate_per_second = 0;
  double error_ratio = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p99_ns = 0;
};

// Takes server and consumer spans, sampled or not; the others are not a route of their service.
class RoutesTable final : public SpanSink {
 public:
  explicit RoutesTable(const Clock& clock, std::size_t max_routes = 256);
  ~RoutesTable() override;

  void offer(const SpanPtr& span) override;

  // For requests that look alike, with spans of their own or without: the row of them all, looked up once. Null: there
  // is none. Valid as long as the table.
  struct Route;
  Route* row_of(const Span& like);
  void add(Route& row, std::uint64_t duration_ns, bool error);

  std::vector<RouteRow> rows() const;  // busiest first; rows without a request in the window last

  static constexpr std::uint64_t kSlotNs = 15'000'000'000;
  static constexpr std::size_t kSlots = 4;  // window = the running slot and the three before it

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string>;  // service, kind, method, route
  struct Slot {
    std::uint64_t number = 0;  // monotonic time / kSlotNs
    std::uint64_t errors = 0;
    LatencyHistogram latency;
  };

  // REQUIRE: mutex_ held.
  Route& route_of(const Span& span);
  static void count(Route& row, std::uint64_t slot_number, std::uint64_t duration_ns, bool error);

  RouteRow row(const Key& key, const Route& route, std::uint64_t now_ns) const;

  const Clock& clock_;
  const std::size_t max_routes_;
  const std::uint64_t started_ns_;
  mutable std::mutex mutex_;
  std::map<Key, Route, std::less<>> routes_;  // none is ever taken out
};

struct RoutesTable::Route {
  std::uint64_t total = 0;
  std::array<std::unique_ptr<Slot>, kSlots> slots;  // made when first used
};

}  // namespace weft
