// SPDX-License-Identifier: Apache-2.0
// Where finished spans go: store, routes, metrics and the exporters, each with a queue of its own where it needs one.
#pragma once

#include <chrono>
#include <memory>
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
  void shutdown(std::chrono::milliseconds bound);  // all queues share the bound
  std::vector<ExportCounters> counters() const;

  TraceStore store;
  RoutesTable routes;
  RedMetrics metrics;

 private:
  Sinks(const Config& config, const Clock& clock);
  Result<void> add_exporters(const Config& config, const Clock& clock);
  void add(std::unique_ptr<Exporter> exporter, BatchQueueOptions options);

  std::vector<std::unique_ptr<BatchQueue>> queues_;
};

}  // namespace weft
