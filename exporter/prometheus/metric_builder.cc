// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus/metric_builder.h"

#include "base/utf8.h"

namespace weft {
namespace {

prometheus::ClientMetric& add_metric(prometheus::MetricFamily& family, LabelList labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  for (const auto& [name, value] : labels) add_label(metric, name, value);
  return metric;
}

prometheus::MetricFamily make_family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

}  // namespace

void add_label(prometheus::ClientMetric& metric, std::string_view name, std::string_view value) {
  if (!value.empty()) metric.label.push_back({std::string(name), to_utf8(value)});
}

prometheus::MetricFamily counter_family(std::string name, std::string help) {
  return make_family(std::move(name), std::move(help), prometheus::MetricType::Counter);
}

prometheus::MetricFamily gauge_family(std::string name, std::string help) {
  return make_family(std::move(name), std::move(help), prometheus::MetricType::Gauge);
}

void add_counter(prometheus::MetricFamily& family, LabelList labels, double value) {
  add_metric(family, labels).counter.value = value;
}

void add_gauge(prometheus::MetricFamily& family, LabelList labels, double value) {
  add_metric(family, labels).gauge.value = value;
}

}  // namespace weft
