// SPDX-License-Identifier: Apache-2.0
#include "sampling/trace_keeper.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace weft {
namespace {

std::string route_key(std::string_view service, std::string_view method, std::string_view route) {
  return std::string(service).append(1, '\0').append(method).append(1, '\0').append(route);
}

}  // namespace

std::size_t TraceKeeper::IdHash::operator()(const TraceId& id) const noexcept {
  std::uint64_t low = 0;
  std::memcpy(&low, id.bytes.data() + 8, sizeof low);
  return low;
}

TraceKeeper::TraceKeeper(KeepOptions options, KeepLimits limits, const Clock& clock, Output output)
    : options_(std::move(options)), limits_(limits), clock_(clock), output_(std::move(output)) {
  configure(options_);
}

void TraceKeeper::configure(KeepOptions options) {
  options_ = std::move(options);
  tokens_ = options_.max_per_second;
  tokens_at_ns_ = clock_.monotonic_ns();
}

void TraceKeeper::set_routes(const std::vector<RouteRow>& rows) {
  p99_ns_.clear();
  if (!options_.slower_than_p99) return;
  for (const RouteRow& row : rows)
    if (row.requests >= limits_.p99_requests) p99_ns_[route_key(row.service, row.method, row.route)] = row.p99_ns;
}

TraceKeeper::Traces::iterator TraceKeeper::find(const TraceId& id, bool make) {
  if (const auto known = by_id_.find(id); known != by_id_.end()) return known->second;
  if (!make) return traces_.end();
  while (!traces_.empty() && (traces_.size() >= limits_.traces || bytes_ > limits_.bytes))
    erase(traces_.begin(), "full");
  traces_.push_back({.id = id, .begun_ns = clock_.monotonic_ns()});
  return by_id_.emplace(id, std::prev(traces_.end())).first->second;
}

void TraceKeeper::begins(const TraceId& trace) {
  if (!wanted()) return;
  find(trace, true)->open++;
}

void TraceKeeper::closed(Trace& trace) {
  if (trace.open > 0) trace.open--;
  trace.quiet_ns = clock_.monotonic_ns();
}

void TraceKeeper::ends(const TraceId& trace) {
  if (const auto known = find(trace, false); known != traces_.end()) closed(*known);
}

void TraceKeeper::ends(const SpanPtr& span) {
  if (!wanted()) return;
  const auto trace = find(span->trace_id, true);
  closed(*trace);
  if (trace->state == State::kept) return output_(span);
  if (trace->state == State::refused) return;
  if (const std::string_view rule = rule_for(*span); !rule.empty()) return keep(*trace, span, rule);
  const std::size_t bytes = trace->spans.emplace_back(*span).bytes();
  trace->bytes += bytes;
  bytes_ += bytes;
}

std::string_view TraceKeeper::rule_for(const Span& span) const {
  if (options_.errors && span.status == StatusCode::error) return "error";
  if (!options_.status.empty()) {
    const auto* status = span.attributes.find("http.response.status_code");
    const auto* number = status ? std::get_if<std::int64_t>(status) : nullptr;
    const bool listed = number && std::ranges::any_of(options_.status, [&](const KeepOptions::StatusRange& range) {
                          return range.first <= *number && *number <= range.last;
                        });
    if (listed) return "status";
  }
  const std::uint64_t duration_ns = span.end_unix_ns - span.start_unix_ns;
  const auto slow_ns = static_cast<std::uint64_t>(options_.slower_than.count());
  if (slow_ns > 0 && duration_ns > slow_ns) return "slow";
  if (p99_ns_.empty() || span.kind != SpanKind::server) return {};
  const std::string route = span.attributes.text("http.route");
  const auto p99 = p99_ns_.find(route_key(span.resource->service_name, span.attributes.text("http.request.method"),
                                          route.empty() ? span.name : route));
  return p99 != p99_ns_.end() && duration_ns > p99->second ? "slow_p99" : "";
}

bool TraceKeeper::within_limit() {
  if (options_.max_per_second == 0) return true;
  const std::uint64_t now_ns = clock_.monotonic_ns();
  const double most = options_.max_per_second;
  tokens_ = std::min(most, tokens_ + most * static_cast<double>(now_ns - tokens_at_ns_) / 1e9);
  tokens_at_ns_ = now_ns;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void TraceKeeper::keep(Trace& trace, const SpanPtr& reason, std::string_view rule) {
  if (!within_limit()) {
    trace.state = State::refused;
    forget_spans(trace);
    return count_dropped("limit");
  }
  auto marked = std::make_shared<Span>(*reason);
  marked->attributes.set("weft.sampling.kept", std::string(rule));
  trace.state = State::kept;
  for (const PackedSpan& span : trace.spans) output_(std::make_shared<const Span>(span.unpacked()));
  output_(marked);
  forget_spans(trace);
  const std::lock_guard lock(counters_mutex_);
  counters_.kept[std::string(rule)]++;
}

void TraceKeeper::forget_spans(Trace& trace) {
  trace.spans = std::vector<PackedSpan>();
  bytes_ -= std::exchange(trace.bytes, 0);
}

void TraceKeeper::count_dropped(const char* why) {
  const std::lock_guard lock(counters_mutex_);
  counters_.dropped[why]++;
}

void TraceKeeper::erase(Traces::iterator trace, const char* why) {
  if (trace->state == State::waiting) count_dropped(why);
  forget_spans(*trace);
  by_id_.erase(trace->id);
  traces_.erase(trace);
}

void TraceKeeper::sweep() {
  const std::uint64_t now_ns = clock_.monotonic_ns();
  for (auto trace = traces_.begin(); trace != traces_.end();) {
    const auto at = trace++;
    const std::uint64_t wait_ns = at->state == State::waiting ? limits_.wait_ns : limits_.kept_ns;
    if (at->open == 0 && now_ns - at->quiet_ns >= wait_ns)
      erase(at, "no_rule");
    else if (now_ns - at->begun_ns >= limits_.open_ns)
      erase(at, "too_long");
  }
  const std::lock_guard lock(counters_mutex_);
  counters_.waiting = static_cast<std::size_t>(std::ranges::count(traces_, State::waiting, &Trace::state));
}

void TraceKeeper::flush() {
  while (!traces_.empty()) erase(traces_.begin(), "no_rule");
}

KeepCounters TraceKeeper::counters() const {
  const std::lock_guard lock(counters_mutex_);
  return counters_;
}

}  // namespace weft
