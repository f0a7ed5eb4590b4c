// SPDX-License-Identifier: Apache-2.0
// Keep rules: which traces are kept although their head was not sampled. Decided for a trace as a whole on this node:
// its spans wait until nothing of it is open any more and a short time has passed; the first span that a rule holds for
// decides for all, those that are still to come included. Belongs to the event thread, but counters() may be called
// from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "pipeline/packed_span.h"
#include "pipeline/routes_table.h"
#include "sampling/options.h"
#include "sampling/report.h"
#include "span/span.h"

namespace weft {

struct KeepLimits {
  std::size_t traces = 10'000;
  std::size_t bytes = 16u << 20;            // of waiting spans, about
  std::uint64_t wait_ns = 1'000'000'000;    // after the last exchange of the trace has ended
  std::uint64_t open_ns = 300'000'000'000;  // however much of it is still open
  std::uint64_t kept_ns = 60'000'000'000;   // for how long the spans of a kept trace still follow
  std::uint64_t p99_requests = 100;         // of a route in the window, before its P99 says anything
};

class TraceKeeper {
 public:
  using Output = std::function<void(const SpanPtr&)>;

  // `clock` outlives the object.
  TraceKeeper(KeepOptions options, KeepLimits limits, const Clock& clock, Output output);

  void configure(KeepOptions options);
  bool wanted() const { return options_.any_rule() && !options_.services.empty(); }
  void set_routes(const std::vector<RouteRow>& rows);  // every second: where their P99 is

  void begins(const TraceId& trace);  // an exchange of an unsampled trace; each is followed by one ends() …
  void ends(const SpanPtr& span);     // … with the span that could be made of it
  void ends(const TraceId& trace);    // … or without one
  void sweep();                       // every second or so
  void flush();                       // at shutdown: what is undecided is dropped

  KeepCounters counters() const;

 private:
  enum class State : std::uint8_t { waiting, kept, refused };
  struct Trace {
    TraceId id;
    std::size_t open = 0;
    std::uint64_t begun_ns = 0, quiet_ns = 0;
    State state = State::waiting;
    std::vector<PackedSpan> spans;
    std::size_t bytes = 0;
  };
  struct IdHash {
    std::size_t operator()(const TraceId& id) const noexcept;
  };
  using Traces = std::list<Trace>;  // oldest first

  Traces::iterator find(const TraceId& id, bool make);
  std::string_view rule_for(const Span& span) const;
  bool within_limit();
  void keep(Trace& trace, const SpanPtr& reason, std::string_view rule);
  void forget_spans(Trace& trace);
  void erase(Traces::iterator trace, const char* why);
  void count_dropped(const char* why);
  void closed(Trace& trace);

  KeepOptions options_;
  const KeepLimits limits_;
  const Clock& clock_;
  const Output output_;
  Traces traces_;
  std::unordered_map<TraceId, Traces::iterator, IdHash> by_id_;
  std::size_t bytes_ = 0;
  double tokens_ = 0;
  std::uint64_t tokens_at_ns_ = 0;
  std::map<std::string, std::uint64_t> p99_ns_;  // by service, method and route
  mutable std::mutex counters_mutex_;
  KeepCounters counters_;
};

}  // namespace weft
