// SPDX-License-Identifier: Apache-2.0
// Request rate, errors and duration from finished spans, trace health and baggage keys: what a scrape shows of traffic.
#pragma once

#include <prometheus/collectable.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/exporter.h"
#include "exporter/prometheus/histogram_table.h"

namespace weft {

struct RedOptions {
  std::size_t max_series = 2000;  // of each metric; what comes later counts as `~other`
  std::size_t max_baggage_keys = 200;
  std::size_t max_baggage_values = 50;  // of one key
  std::size_t max_services = 500;       // in trace health
};

// Thread-safe. observe() takes one short lock and, for a known label set, allocates nothing.
class RedMetrics final : public SpanSink, public prometheus::Collectable {
 public:
  explicit RedMetrics(RedOptions options = {});

  void offer(const SpanPtr& span) override { observe(*span); }
  // Also for spans that are not exported (unsampled, ignored routes).
  void observe(const Span& span);
  struct Health {
    std::uint64_t received = 0;
    std::uint64_t unsampled = 0;                                // of these
    std::map<std::string, std::uint64_t, std::less<>> dropped;  // reasons are ours: few
  };
  // What spans that look alike are counted as, looked up once for all of them. Valid as long as the metrics.
  struct Request {
    HistogramTable* table = nullptr;  // null: neither a request of a server nor of a client
    HistogramTable::Series* series = nullptr;
    Health* health = nullptr;  // once one of them entered a service
    bool entry = false;        // that which it was made of did
  };
  Request request_of(const Span& span);
  // REQUIRES: `request` is that of a span which looks like this one.
  void observe(Request& request, const Span& span);
  // A request that was not sampled and has no span.
  void observe_unsampled(const Request& request, std::uint64_t duration_ns);
  // A span that did not reach an exporter's peer or never came to be. Trace health counts entry spans (server,
  // consumer, or without a parent), so that a trace counts once for each service it passes.
  void dropped(const Span& span, std::string_view reason);
  void dropped(std::string_view service, std::string_view reason, std::uint64_t traces);

  // Which baggage keys are told apart by value, from now on (the policy's `low_cardinality`). Called under the lock,
  // once for a key.
  void set_baggage_values(std::function<bool(std::string_view key)> wanted);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;
  struct KeyCounts {
    bool by_value = false;
    std::uint64_t without = 0;  // requests counted without their value
    Counts values;
  };
  Health& health_of(std::string_view service);  // REQUIRES: mutex_
  void observe_call(const Span& span);
  void observe_message(const Span& span);
  HistogramTable& table(bool client, bool rpc);
  static void count_entry(Health& health, bool sampled);
  void count_baggage(const Span& span);
  bool counts_values(const std::string& key) const;  // REQUIRES: mutex_

  const RedOptions options_;
  mutable std::mutex mutex_;
  std::string key_;  // reused: the label values of the span at hand
  HistogramTable server_;
  HistogramTable client_;
  HistogramTable rpc_server_;
  HistogramTable rpc_client_;
  HistogramTable messaging_client_;
  HistogramTable messaging_process_;
  HistogramTable messaging_lag_;
  std::map<std::string, Health, std::less<>> health_;  // none is ever taken out
  std::function<bool(std::string_view)> by_value_;
  std::map<std::string, KeyCounts, std::less<>> baggage_keys_;
};

}  // namespace weft
