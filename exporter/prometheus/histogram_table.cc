// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus/histogram_table.h"

#include <algorithm>
#include <limits>

#include "exporter/prometheus/metric_builder.h"

namespace weft {

HistogramTable::HistogramTable(std::string name, std::string help, std::vector<std::string> labels, std::size_t kept,
                               std::size_t max_series)
    : name_(std::move(name)),
      help_(std::move(help)),
      labels_(std::move(labels)),
      kept_(kept),
      max_series_(std::max<std::size_t>(max_series, 1)) {}

HistogramTable::~HistogramTable() = default;

void HistogramTable::observe(Series& series, double seconds) {
  overflowed_ += series.of_others;
  // Few buckets: a scan from below is as quick as anything, most requests end in the first ones.
  std::size_t bucket = 0;
  while (bucket < duration_buckets.size() && seconds > duration_buckets[bucket]) bucket++;
  series.numbers.counts[bucket]++;
  series.numbers.sum += seconds;
}

HistogramTable::Series& HistogramTable::series_of(std::string_view key) {
  if (const auto known = by_key_.find(key); known != by_key_.end()) return *known->second;
  if (series_.size() < max_series_) return add(std::string(key), false);
  // A quarter more than the limit for `~other` of each service, then one for all.
  const std::string kept = overflow_key(key, kept_);
  if (const auto known = by_key_.find(kept); known != by_key_.end()) return *known->second;
  if (series_.size() < max_series_ + max_series_ / 4) return add(kept, true);
  const std::string nothing_kept = overflow_key(key, 0);
  const auto known = by_key_.find(nothing_kept);
  return known != by_key_.end() ? *known->second : add(nothing_kept, true);
}

HistogramTable::Series& HistogramTable::add(std::string key, bool of_others) {
  series_.push_back(
      std::make_unique<Series>(Series{std::make_shared<const std::string>(std::move(key)), of_others, {}}));
  Series& series = *series_.back();
  by_key_.emplace(*series.key, &series);
  return series;
}

std::string HistogramTable::overflow_key(std::string_view key, std::size_t kept) const {
  std::string out;
  for (std::size_t i = 0; i < labels_.size(); i++) {
    const std::string_view value = key.substr(0, key.find('\0'));
    key.remove_prefix(std::min(key.size(), value.size() + 1));
    out += i < kept || value.empty() ? value : other;
    out += '\0';
  }
  return out;
}

HistogramTable::Snapshot HistogramTable::snapshot() const {
  Snapshot snapshot;
  snapshot.overflowed = overflowed_;
  snapshot.series.reserve(series_.size());
  for (const auto& series : series_) snapshot.series.emplace_back(series->key, series->numbers);
  return snapshot;
}

prometheus::MetricFamily HistogramTable::family(const Snapshot& snapshot) const {
  prometheus::MetricFamily family;
  family.name = name_;
  family.help = help_;
  family.type = prometheus::MetricType::Histogram;
  family.metric.reserve(snapshot.series.size());
  for (const auto& [key, numbers] : snapshot.series) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    std::string_view rest = *key;
    for (const std::string& label : labels_) {
      const std::string_view value = rest.substr(0, rest.find('\0'));
      rest.remove_prefix(std::min(rest.size(), value.size() + 1));
      add_label(metric, label, value);
    }
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < numbers.counts.size(); i++) {
      cumulative += numbers.counts[i];
      const double bound = i < duration_buckets.size() ? duration_buckets[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({cumulative, bound});
    }
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum = numbers.sum;
  }
  return family;
}

}  // namespace weft
