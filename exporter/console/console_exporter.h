// SPDX-License-Identifier: Apache-2.0
// Spans on standard output: a tree per trace, or one JSON object a line.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exporter/console/waterfall.h"
#include "exporter/exporter.h"

namespace weft {

struct ConsoleOptions {
  enum class Format { tree, json } format = Format::tree;
  WaterfallOptions waterfall;
  std::chrono::milliseconds quiet{500};  // a trace is printed when none of its spans came for this long
  std::size_t max_spans = 4096;          // kept back at most; beyond that the oldest trace is printed early
};

// Where the text goes. Returns false when it could not be written (or cancel() was called meanwhile).
using ConsoleWriter = std::function<bool(const std::string& text)>;

// Writes to a descriptor it does not own, in pieces that do not block a reader-less pipe longer than until `cancelled`.
ConsoleWriter fd_writer(int fd, const std::atomic<bool>& cancelled);

class ConsoleExporter final : public Exporter {
 public:
  // `clock` outlives the exporter. An empty writer means standard output.
  ConsoleExporter(ConsoleOptions options, const Clock& clock, ConsoleWriter writer = {});

  std::string_view name() const override { return "console"; }
  ExportResult send(const SpanBatch& batch) override;
  void cancel() override { cancelled_ = true; }
  std::optional<std::chrono::milliseconds> idle(bool last) override;

 private:
  struct PendingTrace {
    TraceId id;
    std::uint64_t last_span_ns = 0;  // monotonic
    std::vector<SpanPtr> spans;
  };
  void keep(const SpanPtr& span);
  bool print_front();

  ConsoleOptions options_;
  const Clock& clock_;
  std::atomic<bool> cancelled_{false};
  ConsoleWriter writer_;
  std::vector<PendingTrace> pending_;  // by arrival of the first span
  std::size_t pending_spans_ = 0;
};

}  // namespace weft
