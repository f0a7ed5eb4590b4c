// SPDX-License-Identifier: Apache-2.0
#include "pipeline/store.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace weft {
namespace {

// One trace may take this part of the store; a trace that never ends must not push out all the others.
constexpr std::size_t kTraceShare = 4;

bool by_start(const SpanPtr& a, const SpanPtr& b) { return a->start_unix_ns < b->start_unix_ns; }

SpanPtr shared(const PackedSpan& span) { return std::make_shared<const Span>(span.unpacked()); }

}  // namespace

bool SpanFilter::matches(const Span& span) const {
  return matches(span.trace_id, span.kind, span.status, *span.resource);
}

bool SpanFilter::matches(const PackedSpan& span) const {
  return matches(span.trace_id(), span.kind(), span.status(), span.resource());
}

bool SpanFilter::matches(const TraceId& trace, SpanKind of, StatusCode status, const Resource& resource) const {
  if (error && status != StatusCode::error) return false;
  if (kind && of != *kind) return false;
  if (trace_id && trace != *trace_id) return false;
  return service.empty() || resource.service_name == service;
}

std::vector<SpanPtr> SpanFollower::take(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, patience, [this] { return closed_ || !queue_.empty(); });
  std::vector<SpanPtr> spans(queue_.begin(), queue_.end());
  queue_.clear();
  return spans;
}

std::uint64_t SpanFollower::lost() const {
  std::lock_guard lock(mutex_);
  return lost_;
}

void SpanFollower::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  arrived_.notify_all();
}

bool SpanFollower::offer(const SpanPtr& span) {
  if (!filter_.matches(*span)) return true;
  std::lock_guard lock(mutex_);
  if (closed_) return true;
  if (queue_.size() >= limit_) {
    ++lost_;
    return false;
  }
  queue_.push_back(span);
  arrived_.notify_one();
  return true;
}

std::size_t TraceStore::IdHash::operator()(const TraceId& id) const noexcept {
  std::uint64_t low;  // the random half (W3C Level 2); the other may be zero in 64-bit ids
  std::memcpy(&low, id.bytes.data() + 8, sizeof low);
  return static_cast<std::size_t>(low);
}

TraceStore::TraceStore(std::size_t max_traces, std::size_t max_bytes)
    : max_traces_(max_traces), max_bytes_(max_bytes) {}

void TraceStore::offer(const SpanPtr& span) {
  PackedSpan packed(*span);
  const std::size_t bytes = packed.bytes();
  std::lock_guard lock(mutex_);
  publish(span);
  auto [found, is_new] = traces_.try_emplace(span->trace_id);
  if (is_new) order_.push_back(span->trace_id);
  Trace& trace = found->second;
  if (trace.refusing || trace.bytes + bytes > max_bytes_ / kTraceShare) {
    trace.refusing = true;
    ++counters_.refused_spans;
  } else {
    trace.spans.push_back({next_sequence_++, std::move(packed)});
    trace.bytes += bytes;
    counters_.bytes += bytes;
    ++counters_.spans;
  }
  while (order_.size() > max_traces_ || counters_.bytes > max_bytes_) evict_oldest();
}

// REQUIRES: mutex_ held, not empty.
void TraceStore::evict_oldest() {
  const auto oldest = traces_.find(order_.front());
  counters_.bytes -= oldest->second.bytes;
  counters_.spans -= oldest->second.spans.size();
  ++counters_.evicted_traces;
  traces_.erase(oldest);
  order_.pop_front();
}

// REQUIRES: mutex_ held.
void TraceStore::publish(const SpanPtr& span) {
  std::erase_if(followers_, [&](const std::weak_ptr<SpanFollower>& weak) {
    const auto follower = weak.lock();
    if (follower && !follower->offer(span)) ++counters_.follower_lost_spans;
    return !follower;
  });
}

std::shared_ptr<SpanFollower> TraceStore::follow(SpanFilter filter, std::size_t queue_limit) {
  std::shared_ptr<SpanFollower> follower(new SpanFollower(std::move(filter), queue_limit));
  std::lock_guard lock(mutex_);
  followers_.push_back(follower);
  return follower;
}

std::vector<SpanPtr> TraceStore::trace(const TraceId& id) const {
  std::vector<SpanPtr> spans;
  {
    std::lock_guard lock(mutex_);
    const auto found = traces_.find(id);
    if (found == traces_.end()) return spans;
    for (const Stored& stored : found->second.spans) spans.push_back(shared(stored.span));
  }
  std::stable_sort(spans.begin(), spans.end(), by_start);
  return spans;
}

std::vector<SpanPtr> TraceStore::spans(const SpanFilter& filter, std::size_t limit) const {
  std::vector<const Stored*> found;
  std::vector<SpanPtr> spans;
  std::lock_guard lock(mutex_);
  for (const auto& [id, trace] : traces_) {
    if (filter.trace_id && *filter.trace_id != id) continue;
    for (const Stored& stored : trace.spans)
      if (filter.matches(stored.span)) found.push_back(&stored);
  }
  std::sort(found.begin(), found.end(), [](const Stored* a, const Stored* b) { return a->sequence < b->sequence; });
  const std::size_t first = found.size() > limit ? found.size() - limit : 0;
  for (std::size_t i = first; i < found.size(); ++i) spans.push_back(shared(found[i]->span));
  return spans;
}

namespace {

// REQUIRES: spans not empty.
TraceSummary summarize(const TraceId& id, const std::vector<Span>& spans) {
  TraceSummary summary{.trace_id = id, .spans = spans.size()};
  const Span* root = nullptr;
  std::uint64_t end_ns = 0;
  std::set<std::string> services;
  summary.start_unix_ns = spans.front().start_unix_ns;
  for (const Span& span : spans) {
    summary.start_unix_ns = std::min(summary.start_unix_ns, span.start_unix_ns);
    end_ns = std::max(end_ns, span.end_unix_ns);
    if (span.status == StatusCode::error) ++summary.errors;
    services.insert(span.resource->service_name);
    const bool better = !root || (root->parent_span_id.valid() != span.parent_span_id.valid()
                                      ? !span.parent_span_id.valid()
                                      : span.start_unix_ns < root->start_unix_ns);
    if (better) root = &span;
  }
  summary.duration_ns = end_ns > summary.start_unix_ns ? end_ns - summary.start_unix_ns : 0;
  summary.root_name = root->name;
  summary.root_service = root->resource->service_name;
  summary.services.assign(services.begin(), services.end());
  return summary;
}

bool matches(const TraceFilter& filter, const TraceSummary& summary) {
  if (filter.error && summary.errors == 0) return false;
  if (summary.duration_ns < filter.min_duration_ns) return false;
  return filter.service.empty() || std::binary_search(summary.services.begin(), summary.services.end(), filter.service);
}

}  // namespace

std::vector<TraceSummary> TraceStore::traces(const TraceFilter& filter, std::size_t limit) const {
  std::vector<TraceSummary> found;
  std::lock_guard lock(mutex_);
  for (auto id = order_.rbegin(); id != order_.rend() && found.size() < limit; ++id) {
    std::vector<Span> spans;
    for (const Stored& stored : traces_.at(*id).spans) spans.push_back(stored.span.unpacked());
    if (spans.empty()) continue;
    TraceSummary summary = summarize(*id, spans);
    if (matches(filter, summary)) found.push_back(std::move(summary));
  }
  return found;
}

StoreCounters TraceStore::counters() const {
  std::lock_guard lock(mutex_);
  StoreCounters counters = counters_;
  counters.traces = order_.size();
  return counters;
}

}  // namespace weft
