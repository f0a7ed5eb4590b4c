// SPDX-License-Identifier: Apache-2.0
// What an exporter is. Knows only base and span.
//
// An exporter turns a batch into one request and says what became of it. Everything else (queue, batching, retry with
// backoff and jitter, Retry-After, shutdown within a bound, counting) is done once, in exporter/queue.h, for all of
// them: BatchQueue owns a worker thread and one Exporter.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "span/span.h"

namespace weft {

using SpanBatch = std::vector<SpanPtr>;

struct ExportResult {
  enum class Outcome {
    accepted,
    retry,      // may work later: connection trouble, 429, 503 …
    refused,    // will never work; the batch is given up
    too_large,  // the queue halves the batch and sends the halves; one span alone is given up
  };
  Outcome outcome = Outcome::accepted;
  std::size_t rejected_spans = 0;                        // partial success: taken, but this many were not stored
  std::optional<std::chrono::milliseconds> retry_after;  // from Retry-After
  std::string reason;  // for the log and for counters ("timeout", "http_503", "connect", …)
  std::string detail;  // for the log only: what the peer or the library said
};

class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual std::string_view name() const = 0;  // "otlp", "zipkin", "console"; label in metrics
  // One attempt, bounded by its own time-out. Called from the queue's thread only; REQUIRES: batch not empty.
  virtual ExportResult send(const SpanBatch& batch) = 0;
  // From any thread: a send() that is running now, and any later one, returns soon with Outcome::retry.
  virtual void cancel() {}
  // For exporters that keep something back (the console tree). Called on the queue's thread between sends, and with
  // last = true once, at the end. Returns when to be called again; nothing = after the next send().
  virtual std::optional<std::chrono::milliseconds> idle(bool last) {
    static_cast<void>(last);
    return std::nullopt;
  }
};

// A place finished spans go to. `offer` never blocks and never throws; what cannot be taken is counted by the sink.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void offer(const SpanPtr& span) = 0;
};

// Counters of one sink, for `weft status` and weft_export_spans_total{exporter,result} / weft_export_queue_spans.
struct ExportCounters {
  std::string exporter;
  std::map<std::string, std::uint64_t> by_result;  // "sent", "dropped_queue_full", "rejected", "failed", …
  std::size_t queued = 0;
  std::size_t queue_limit = 0;
  std::string last_error;  // "" when the last attempt worked
  std::string endpoint;    // as a report may show it
};

}  // namespace weft
