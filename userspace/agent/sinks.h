// SPDX-License-Identifier: Apache-2.0
// Where finished spans go: store, routes, metrics and the exporters, each with a queue of its own where it needs one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "assemble/assembler.h"
#include "base/clock.h"
#include "base/result.h"
#include "control/config.h"
#include "exporter/prometheus/red_metrics.h"
#include "exporter/queue.h"
#include "pipeline/routes_table.h"
#include "pipeline/store.h"

namespace weft {

class Sinks {
 public:
  // `clock` outlives the object. Fails on an exporter that cannot be built (bad URL, unreadable TLS file).
  static Result<std::unique_ptr<Sinks>> create(const Config& config, const Clock& clock);

  void take(const Assembled& assembled);
  void keep(const SpanPtr& span);  // one that take() counted and did not record
  // A request that was not sampled is over; `like` is shared by all that look alike.
  void count(const SpanPtr& like, std::uint64_t duration_ns);
  void shutdown(std::chrono::milliseconds bound);  // all queues share the bound
  std::vector<ExportCounters> counters() const;

  TraceStore store;
  RoutesTable routes;
  RedMetrics metrics;

 private:
  Sinks(const Config& config, const Clock& clock);
  Result<void> add_exporters(const Config& config, const Clock& clock);
  void add(std::unique_ptr<Exporter> exporter, BatchQueueOptions options, const std::string& endpoint, const char* key);

  // How spans that look alike are counted, by what they share.
  struct Alike {
    std::weak_ptr<const void> shared;  // expired: its address may be another's by now
    RedMetrics::Request request;
    std::optional<RoutesTable::Route*> row;  // once one of them has counted there
  };
  Alike& alike(const std::shared_ptr<const void>& shared, const Span& span);
  void count_route(Alike& alike, const Span& like, std::uint64_t duration_ns);
  void observe(const Assembled& assembled);

  std::vector<std::unique_ptr<BatchQueue>> queues_;
  std::unordered_map<const void*, Alike> alike_;
};

}  // namespace weft
