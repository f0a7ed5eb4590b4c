// SPDX-License-Identifier: Apache-2.0
// decode -> correlate -> assemble as one object: fed with the records of a live kernel or of a recording, it calls back
// with finished spans. The agent, `weft replay` and the golden tests use this and nothing else.
//
// Belongs to one thread. Nothing of an event outlives feed() unmasked.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "assemble/assembler.h"
#include "assemble/process_calls.h"
#include "assemble/resource_source.h"
#include "assemble/route.h"
#include "assemble/unsampled_spans.h"
#include "assemble/wall_clock.h"
#include "base/clock.h"
#include "correlate/exchange_table.h"
#include "decode/events.h"
#include "decode/mask.h"

namespace weft {

struct PipelineOptions {
  MaskRules mask;       // capture.headers, spans.baggage_attributes
  RouteOptions routes;  // routes.*
  ExchangeLimits limits;
};

struct PipelineCounters {
  DecodeCounters decode;
  ExchangeCounters exchanges;
  AssembleCounters assemble;
  std::size_t open_exchanges = 0;
  std::uint64_t clock_jumps = 0;
  std::uint64_t route_overflows = 0;
  CallsByProcess calls;
};

// A request that waits for its response: what is known of its span so far, and where it goes on.
struct OpenExchange {
  SpanPtr span;  // without an end: end_unix_ns is 0
  pid_t pid = 0;
  std::uint64_t begun_ns = 0;  // monotonic
  std::uint64_t connection_id = 0;
  std::uint32_t stream = 0;  // HTTP/2
};

class SpanPipeline {
 public:
  using Output = std::function<void(Assembled)>;

  // `clock` and `resources` must outlive the object. `output` must not call back into it.
  SpanPipeline(PipelineOptions options, const Clock& clock, ResourceSource& resources, Output output);
  SpanPipeline(const SpanPipeline&) = delete;
  SpanPipeline& operator=(const SpanPipeline&) = delete;

  void feed(std::span<const std::byte> record);
  void sweep();  // every second or so: time-outs, exited processes, the wall clock
  void flush();  // at shutdown: what is open ends as lost

  // For events that are no part of an exchange. Called from feed(); may be empty.
  std::function<void(const ProcessEvent&)> on_process;
  std::function<void(const SocketEvent&)> on_socket;
  // A request of a trace that is not sampled is reported in full; its end comes through the output.
  std::function<void(const TraceId&)> on_unsampled_begin;
  // A request that was not sampled is over: a span like it (shared by all that metrics cannot tell apart), how long it
  // took.
  std::function<void(const SpanPtr& like, std::uint64_t duration_ns)> on_unsampled;

  void set_routes(RouteOptions routes) { assembler_.set_routes(std::move(routes)); }
  void show_baggage_values(std::function<bool(std::string_view key)> shown) {
    mask_.show_baggage_values(std::move(shown));
    assembler_.forget_alike();
  }
  // Those that are to have a span and are `wanted`, the oldest first, `most` of them.
  std::vector<OpenExchange> open(const Assembler::Wanted& wanted, std::size_t most);
  PipelineCounters counters() const;
  const CallsByProcess& calls() const { return calls_.counts(); }

 private:
  void put(const Exchange& exchange);
  void take(const Event& event);
  void take_unsampled(const UnsampledEvent& event);
  void take_message(const MessageEvent& event);

  MaskRules mask_;
  const Clock& clock_;
  WallClock wall_clock_;
  Output output_;
  Assembler assembler_;
  ExchangeTable table_;
  UnsampledSpans unsampled_;
  DecodeCounters decode_;
  ProcessCallCounts calls_;
};

}  // namespace weft
