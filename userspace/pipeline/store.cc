// SPDX-License-Identifier: Apache-2.0
#include "pipeline/store.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <random>
#include <set>
#include <utility>

#include "base/fetch.h"
#include "wire/mix.h"

namespace weft {
namespace {

// One trace may take this part of the store; a trace that never ends must not push out all the others.
constexpr std::size_t kTraceShare = 4;

bool by_start(const SpanPtr& a, const SpanPtr& b) { return a->start_unix_ns < b->start_unix_ns; }

// For each trace: most then have theirs to themselves, so that none that is far away is looked at.
constexpr std::size_t kChains = 4;

// A trace with more than that is rare, and its place does not keep the memory for the next.
constexpr std::size_t kKeptBytes = 4096;

std::size_t bytes_of(const std::shared_ptr<const CommonAttributes>& common) {
  return sizeof common + packed_bytes(*common);
}

}  // namespace

bool SpanFilter::matches(const Span& span) const {
  return matches(span.trace_id, span.kind, span.status, *span.resource);
}

bool SpanFilter::matches(PackedSpanView span, const Resource& resource) const {
  return matches(span.trace_id(), span.kind(), span.status(), resource);
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

TraceStore::TraceStore(std::size_t max_traces, std::size_t max_bytes)
    : max_traces_(std::max<std::size_t>(max_traces, 1)),
      max_bytes_(max_bytes),
      kept_bytes_(std::min(kKeptBytes, max_bytes_ / max_traces_)),
      salt_(std::random_device()()),
      chains_(std::bit_ceil(max_traces_ * kChains), kNone) {}

std::uint64_t trace_hash(const TraceId& id, std::uint64_t salt) {
  std::uint64_t halves[2];
  std::memcpy(halves, id.bytes.data(), sizeof halves);
  return mix64(mix64(halves[1] ^ salt) + halves[0]);
}

std::uint32_t* TraceStore::chain_of(const TraceId& id) {
  return &chains_[trace_hash(id, salt_) & (chains_.size() - 1)];
}

const TraceStore::Trace* TraceStore::find(const TraceId& id) const {
  for (std::uint32_t at = *const_cast<TraceStore*>(this)->chain_of(id); at != kNone; at = ring_[at].next)
    if (ring_[at].id == id) return &ring_[at];
  return nullptr;
}

TraceStore::Trace& TraceStore::find_or_make(const TraceId& id) {
  if (const Trace* known = find(id)) return const_cast<Trace&>(*known);
  if (count_ == max_traces_) evict_oldest(true);
  const std::size_t place = (oldest_ + count_) % max_traces_;
  if (place == ring_.size()) ring_.emplace_back();
  ++count_;
  Trace& trace = ring_[place];
  std::uint32_t* chain = chain_of(id);
  trace.id = id;
  trace.next = std::exchange(*chain, static_cast<std::uint32_t>(place));
  return trace;
}

// Field by field, as in packed_span.cc.
void TraceStore::Entry::append_to(std::vector<std::byte>& data) const {
  data.resize(data.size() + sizeof *this);
  std::byte* at = data.data() + data.size() - sizeof *this;
  std::memcpy(at + offsetof(Entry, sequence), &sequence, sizeof sequence);
  std::memcpy(at + offsetof(Entry, resource), &resource, sizeof resource);
  std::memcpy(at + offsetof(Entry, common), &common, sizeof common);
}

void TraceStore::append(Trace& trace, const Span& span, std::uint64_t sequence) {
  const auto known = std::ranges::find(trace.resources, span.resource);
  Entry entry{
      .sequence = sequence, .resource = static_cast<std::uint32_t>(known - trace.resources.begin()), .common = kNone};
  if (known == trace.resources.end()) trace.resources.push_back(span.resource);
  if (const auto& common = span.attributes.common) {
    entry.common = static_cast<std::uint32_t>(trace.commons.size());
    trace.commons.push_back(common);
    trace.common_bytes += bytes_of(common);
  }
  entry.append_to(trace.data);
  append_packed_own(span, trace.data);
}

// Takes the span that append() added last out again.
void TraceStore::cut(Trace& trace, std::size_t data_before, const Span& span) {
  trace.data.resize(data_before);
  trace.data.shrink_to_fit();
  if (!span.attributes.common) return;
  trace.commons.pop_back();
  trace.common_bytes -= bytes_of(span.attributes.common);
}

SpanPtr TraceStore::Stored::unpacked() const {
  return std::make_shared<const Span>(span.unpacked(*resource, common ? *common : nullptr));
}

void TraceStore::for_each(const Trace& trace, auto visit) {
  for (std::size_t at = 0; at < trace.data.size();) {
    Entry entry;
    std::memcpy(&entry, trace.data.data() + at, sizeof entry);
    const PackedSpanView span(trace.data.data() + at + sizeof entry);
    const auto* common = entry.common == kNone ? nullptr : &trace.commons[entry.common];
    visit(Stored{entry.sequence, span, &trace.resources[entry.resource], common});
    at += sizeof entry + span.size();
  }
}

void TraceStore::offer(const SpanPtr& span) {
  const std::lock_guard lock(mutex_);
  publish(span);
  Trace& trace = find_or_make(span->trace_id);
  const std::size_t before = trace.data.size(), held = trace.held();
  if (!trace.refusing) append(trace, *span, next_sequence_++);
  if (trace.refusing || trace.bytes() > max_bytes_ / kTraceShare) {
    if (!std::exchange(trace.refusing, true)) cut(trace, before, *span);
    ++counters_.refused_spans;
  } else {
    ++trace.spans;
    ++counters_.spans;
  }
  counters_.bytes += trace.held() - held;
  while (counters_.bytes > max_bytes_) evict_oldest(false);
}

// REQUIRES: mutex_ held, not empty.
void TraceStore::evict_oldest(bool keep_memory) {
  Trace& trace = ring_[oldest_];
  std::uint32_t* link = chain_of(trace.id);
  while (*link != oldest_) link = &ring_[*link].next;
  *link = trace.next;
  counters_.spans -= trace.spans;
  ++counters_.evicted_traces;
  trace.spans = 0;
  trace.refusing = false;
  trace.resources.clear();
  trace.commons.clear();
  counters_.bytes -= std::exchange(trace.common_bytes, 0u);
  if (keep_memory && trace.data.capacity() <= kept_bytes_) {
    trace.data.clear();
  } else {
    counters_.bytes -= trace.data.capacity();
    trace.data = std::vector<std::byte>();
    trace.commons = {};
  }
  oldest_ = (oldest_ + 1) % max_traces_;
  --count_;
  fetch_oldest();
}

// The place that goes next was written long ago: it is on its way while other things are done.
void TraceStore::fetch_oldest() const {
  constexpr std::size_t kMost_bytes = 1024;
  if (count_ < 2) return;
  __builtin_prefetch(&ring_[(oldest_ + 1) % max_traces_]);
  const Trace& next = ring_[oldest_];  // itself fetched the last time
  __builtin_prefetch(next.resources.data(), 1);
  __builtin_prefetch(next.commons.data(), 1);
  fetch_to_write(next.data.data(), std::min(next.data.size(), kMost_bytes));
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
    const Trace* found = find(id);
    if (!found) return spans;
    for_each(*found, [&](const Stored& stored) { spans.push_back(stored.unpacked()); });
  }
  std::stable_sort(spans.begin(), spans.end(), by_start);
  return spans;
}

std::vector<SpanPtr> TraceStore::spans(const SpanFilter& filter, std::size_t limit) const {
  std::vector<Stored> found;
  std::vector<SpanPtr> spans;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < count_; ++i) {
    const Trace& trace = ring_[(oldest_ + i) % max_traces_];
    if (filter.trace_id && *filter.trace_id != trace.id) continue;
    for_each(trace, [&](const Stored& stored) {
      if (filter.matches(stored.span, **stored.resource)) found.push_back(stored);
    });
  }
  std::ranges::sort(found, {}, &Stored::sequence);
  const std::size_t first = found.size() > limit ? found.size() - limit : 0;
  for (std::size_t i = first; i < found.size(); ++i) spans.push_back(found[i].unpacked());
  return spans;
}

namespace {

// Of spans one after the other.
struct Summary {
  TraceSummary all;
  std::uint64_t end_ns = 0, root_start_ns = 0;
  bool has_root = false;  // what stands for the root has no parent
  std::set<std::string_view> services;

  void add(PackedSpanView span, const Resource& resource) {
    const std::uint64_t start_ns = span.start_unix_ns();
    const bool is_root = !span.parent_span_id().valid();
    const bool first = all.spans++ == 0;
    all.start_unix_ns = first ? start_ns : std::min(all.start_unix_ns, start_ns);
    end_ns = std::max(end_ns, span.end_unix_ns());
    all.errors += span.status() == StatusCode::error;
    services.insert(resource.service_name);
    if (!first && !(has_root != is_root ? is_root : start_ns < root_start_ns)) return;
    has_root = is_root;
    root_start_ns = start_ns;
    all.root_name = span.name();
    all.root_service = resource.service_name;
  }
  TraceSummary done() {
    all.duration_ns = end_ns > all.start_unix_ns ? end_ns - all.start_unix_ns : 0;
    all.services.assign(services.begin(), services.end());
    return std::move(all);
  }
};

bool matches(const TraceFilter& filter, const TraceSummary& summary) {
  if (filter.error && summary.errors == 0) return false;
  if (summary.duration_ns < filter.min_duration_ns) return false;
  return filter.service.empty() || std::binary_search(summary.services.begin(), summary.services.end(), filter.service);
}

}  // namespace

std::vector<TraceSummary> TraceStore::traces(const TraceFilter& filter, std::size_t limit) const {
  std::vector<TraceSummary> found;
  std::lock_guard lock(mutex_);
  for (std::size_t i = count_; i > 0 && found.size() < limit; --i) {
    const Trace& trace = ring_[(oldest_ + i - 1) % max_traces_];
    if (trace.spans == 0) continue;
    Summary of{.all = {.trace_id = trace.id}};
    for_each(trace, [&](const Stored& stored) { of.add(stored.span, **stored.resource); });
    TraceSummary summary = of.done();
    if (matches(filter, summary)) found.push_back(std::move(summary));
  }
  return found;
}

StoreCounters TraceStore::counters() const {
  std::lock_guard lock(mutex_);
  StoreCounters counters = counters_;
  counters.traces = count_;
  return counters;
}

}  // namespace weft
