// SPDX-License-Identifier: Apache-2.0
// Recent traces in memory, for the command line and the page. Bounded by number of traces and by bytes: the oldest
// trace goes first. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "exporter/exporter.h"
#include "pipeline/packed_span.h"
#include "span/span.h"

namespace weft {

// All given conditions must hold.
struct SpanFilter {
  std::string service;
  std::optional<TraceId> trace_id;
  std::optional<SpanKind> kind;
  bool error = false;  // true: only spans with status error
  bool matches(const Span& span) const;
  bool matches(PackedSpanView span, const Resource& resource) const;
  bool matches(const TraceId& trace, SpanKind of, StatusCode status, const Resource& resource) const;
};

struct TraceFilter {
  std::string service;                // some span of the trace is of this service
  std::uint64_t min_duration_ns = 0;  // of the whole trace
  bool error = false;                 // true: some span has status error
};

struct TraceSummary {
  TraceId trace_id;
  std::string root_name;  // of the root, or of the earliest span when the root is not here
  std::string root_service;
  std::uint64_t start_unix_ns = 0;
  std::uint64_t duration_ns = 0;  // from the first start to the last end
  std::size_t spans = 0;
  std::size_t errors = 0;
  std::vector<std::string> services;  // sorted, each once
};

// The live end of a subscription. Destroying it ends the subscription.
class SpanFollower {
 public:
  // Waits up to `patience` for spans and returns all that are queued; empty after a time-out or close().
  std::vector<SpanPtr> take(std::chrono::milliseconds patience);
  std::uint64_t lost() const;  // spans dropped because the queue was full
  void close();                // wakes take(); nothing more arrives

 private:
  friend class TraceStore;
  SpanFollower(SpanFilter filter, std::size_t limit) : filter_(std::move(filter)), limit_(limit) {}
  bool offer(const SpanPtr& span);  // false: lost

  const SpanFilter filter_;
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<SpanPtr> queue_;
  std::uint64_t lost_ = 0;
  bool closed_ = false;
};

struct StoreCounters {
  std::size_t traces = 0;
  std::size_t spans = 0;
  std::size_t bytes = 0;  // what the spans take, as if each had all its attributes to itself
  std::uint64_t evicted_traces = 0;
  std::uint64_t refused_spans = 0;  // of traces that alone would fill a quarter of the store
  std::uint64_t follower_lost_spans = 0;
};

// Its low bits are spread evenly, also of ids that are no random numbers but count in any of their bytes; whoever
// chooses ids does not know the salt.
std::uint64_t trace_hash(const TraceId& id, std::uint64_t salt);

class TraceStore final : public SpanSink {
 public:
  TraceStore(std::size_t max_traces, std::size_t max_bytes);

  void offer(const SpanPtr& span) override;

  std::vector<SpanPtr> trace(const TraceId& id) const;  // by start time; empty: not here
  std::vector<TraceSummary> traces(const TraceFilter& filter, std::size_t limit) const;  // newest first
  std::vector<SpanPtr> spans(const SpanFilter& filter, std::size_t limit) const;  // the last `limit`, oldest first
  std::shared_ptr<SpanFollower> follow(SpanFilter filter, std::size_t queue_limit);
  StoreCounters counters() const;

 private:
  // A place in the ring of traces. Its memory is used again by the next trace that gets the place.
  struct Trace {
    TraceId id;
    std::uint32_t next = kNone;  // … in the chain of those whose ids fall together
    bool refusing = false;       // its share is used up
    std::size_t spans = 0;
    std::size_t common_bytes = 0;  // what `commons` would take if they were not shared
    std::vector<std::byte> data;   // Entry and packed span, again and again
    std::vector<std::shared_ptr<const Resource>> resources;
    std::vector<std::shared_ptr<const CommonAttributes>> commons;

    std::size_t bytes() const { return data.size() + common_bytes; }
    std::size_t held() const { return data.capacity() + common_bytes; }
  };
  struct Entry {
    std::uint64_t sequence;  // order of arrival over all traces
    std::uint32_t resource;  // which of the trace's
    std::uint32_t common;    // …, kNone: all attributes are packed
    void append_to(std::vector<std::byte>& data) const;
  };
  static constexpr std::uint32_t kNone = ~0u;

  std::uint32_t* chain_of(const TraceId& id);
  const Trace* find(const TraceId& id) const;
  Trace& find_or_make(const TraceId& id);
  void evict_oldest(bool keep_memory);
  void fetch_oldest() const;
  void publish(const SpanPtr& span);
  struct Stored {
    std::uint64_t sequence;
    PackedSpanView span;
    const std::shared_ptr<const Resource>* resource;
    const std::shared_ptr<const CommonAttributes>* common;  // null: none
    SpanPtr unpacked() const;
  };
  // visit(const Stored&), in order of arrival.
  static void for_each(const Trace& trace, auto visit);
  static void append(Trace& trace, const Span& span, std::uint64_t sequence);
  static void cut(Trace& trace, std::size_t data_before, const Span& span);

  const std::size_t max_traces_;
  const std::size_t max_bytes_;
  const std::size_t kept_bytes_;  // by a place for the next trace
  const std::uint64_t salt_;
  mutable std::mutex mutex_;
  std::vector<Trace> ring_;             // grows to max_traces_
  std::size_t oldest_ = 0, count_ = 0;  // place of the first, and how many live from there on
  std::vector<std::uint32_t> chains_;   // by id: first place
  std::vector<std::weak_ptr<SpanFollower>> followers_;
  std::uint64_t next_sequence_ = 0;
  StoreCounters counters_;
};

}  // namespace weft
