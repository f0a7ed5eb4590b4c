// SPDX-License-Identifier: Apache-2.0
#include "pipeline/routes_table.h"

#include <algorithm>
#include <string_view>
#include <variant>

namespace weft {
namespace {
constexpr const char* kOther = "~other";

bool has_route(const Span& span) { return span.kind == SpanKind::server || span.kind == SpanKind::consumer; }
}  // namespace

RoutesTable::RoutesTable(const Clock& clock, std::size_t max_routes)
    : clock_(clock), max_routes_(max_routes), started_ns_(clock.monotonic_ns()) {}

RoutesTable::Route& RoutesTable::route_of(const Span& span) {
  std::string_view method, route;
  for (const auto& [key, value] : span.attributes) {
    const auto* text = std::get_if<std::string>(&value);
    if (text && key == "http.route") route = *text;
    if (text && key == "http.request.method") method = *text;
  }
  if (route.empty()) route = span.name;
  const std::tuple key(std::string_view(span.resource->service_name), to_string(span.kind), method, route);
  const auto found = routes_.find(key);
  if (found != routes_.end()) return found->second;
  if (routes_.size() < max_routes_) return routes_[Key(key)];
  return routes_[Key{kOther, "", "", kOther}];
}

RoutesTable::~RoutesTable() = default;

RoutesTable::Route* RoutesTable::row_of(const Span& like) {
  if (!has_route(like)) return nullptr;
  const std::lock_guard lock(mutex_);
  return &route_of(like);
}

void RoutesTable::add(Route& row, std::uint64_t duration_ns, bool error) {
  const std::uint64_t number = clock_.monotonic_ns() / kSlotNs;
  const std::lock_guard lock(mutex_);
  count(row, number, duration_ns, error);
}

void RoutesTable::offer(const SpanPtr& span) {
  if (!has_route(*span)) return;
  const std::uint64_t number = clock_.monotonic_ns() / kSlotNs;
  const std::lock_guard lock(mutex_);
  count(route_of(*span), number, span->end_unix_ns - span->start_unix_ns, span->status == StatusCode::error);
}

void RoutesTable::count(Route& row, std::uint64_t number, std::uint64_t duration_ns, bool error) {
  ++row.total;
  auto& slot = row.slots[number % kSlots];
  if (!slot || slot->number != number) {
    slot = std::make_unique<Slot>();
    slot->number = number;
  }
  slot->latency.add(duration_ns);
  if (error) ++slot->errors;
}

RouteRow RoutesTable::row(const Key& key, const Route& route, std::uint64_t now_ns) const {
  RouteRow row;
  std::tie(row.service, row.kind, row.method, row.route) = key;
  row.total = route.total;
  const std::uint64_t number = now_ns / kSlotNs;
  LatencyHistogram latency;
  for (const auto& slot : route.slots) {
    if (!slot || slot->number + kSlots <= number) continue;
    latency.add(slot->latency);
    row.errors += slot->errors;
  }
  row.requests = latency.count();
  // A young table has not seen a whole window: the rate is over what it has seen, at least one second of it.
  const std::uint64_t window_start_ns = (number >= kSlots - 1 ? number - (kSlots - 1) : 0) * kSlotNs;
  const std::uint64_t seen_ns = std::max<std::uint64_t>(now_ns - std::max(window_start_ns, started_ns_), 1'000'000'000);
  row.rate_per_second = static_cast<double>(row.requests) * 1e9 / static_cast<double>(seen_ns);
  if (row.requests > 0) row.error_ratio = static_cast<double>(row.errors) / static_cast<double>(row.requests);
  row.p50_ns = latency.quantile_ns(0.5);
  row.p99_ns = latency.quantile_ns(0.99);
  return row;
}

std::vector<RouteRow> RoutesTable::rows() const {
  std::vector<RouteRow> rows;
  {
    std::lock_guard lock(mutex_);
    const std::uint64_t now_ns = clock_.monotonic_ns();
    rows.reserve(routes_.size());
    for (const auto& [key, route] : routes_) rows.push_back(row(key, route, now_ns));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const RouteRow& a, const RouteRow& b) {
    return a.requests != b.requests ? a.requests > b.requests : a.total > b.total;
  });
  return rows;
}

}  // namespace weft
