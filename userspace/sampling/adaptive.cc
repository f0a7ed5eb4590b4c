// SPDX-License-Identifier: Apache-2.0
#include "sampling/adaptive.h"

#include <algorithm>
#include <string_view>

#include "sampling/pattern.h"

namespace weft {
namespace {

constexpr double kLeastStep = 0.01;  // the first step up from a ratio near 0

// "/files/{id}.json" -> "/files/{id}": where only part of a segment varies, all of it does.
std::string pattern_of(std::string_view route) {
  std::string pattern;
  while (route.starts_with('/')) {
    route.remove_prefix(1);
    const std::string_view segment = route.substr(0, route.find('/'));
    route.remove_prefix(segment.size());
    pattern.append("/").append(segment.find('{') == std::string_view::npos ? segment : "{id}");
  }
  return pattern;
}

bool in_trouble(const AdaptiveOptions& options, const RouteRow& row) {
  if (row.requests < options.min_requests) return false;
  const auto slow_ns = static_cast<std::uint64_t>(options.slower_than.count());
  return (options.error_ratio > 0 && row.error_ratio >= options.error_ratio) || (slow_ns > 0 && row.p99_ns > slow_ns);
}

}  // namespace

std::vector<RaisedRoute> raise_routes(const AdaptiveOptions& options, const std::vector<RouteRow>& rows,
                                      const std::vector<RaisedRoute>& before, const BaseRatio& base) {
  struct Candidate {
    RaisedRoute raised;
    double badness;
  };
  std::vector<Candidate> candidates;
  for (const RouteRow& row : rows) {
    if (row.kind != "SERVER" || !row.route.starts_with('/') || row.route.find('*') != std::string::npos) continue;
    RaisedRoute next{row.service, row.method, pattern_of(row.route), 0};
    if (!problem_of_path(next.route).empty() || !problem_of_method(next.method).empty()) continue;
    const bool known = std::ranges::any_of(candidates, [&](const Candidate& one) {
      return one.raised.service == next.service && one.raised.method == next.method && one.raised.route == next.route;
    });
    if (known) continue;
    const auto was = std::ranges::find_if(before, [&](const RaisedRoute& one) {
      return one.service == next.service && one.method == next.method && one.route == next.route;
    });
    const bool trouble = in_trouble(options, row);
    if (!trouble && was == before.end()) continue;
    const double usual = base(next.service, next.method, next.route);
    const double now = was == before.end() ? usual : std::max(was->ratio, usual);
    next.ratio = trouble ? std::min(options.max_ratio, std::max(now * 2, kLeastStep)) : now / 2;
    if (next.ratio <= usual) continue;
    candidates.push_back({std::move(next), row.error_ratio * 1000 + static_cast<double>(row.p99_ns) / 1e9});
  }
  std::ranges::stable_sort(candidates, std::greater{}, &Candidate::badness);
  std::vector<RaisedRoute> raised;
  for (auto& candidate : candidates)
    if (raised.size() < kMostRaisedRoutes) raised.push_back(std::move(candidate.raised));
  return raised;
}

}  // namespace weft
