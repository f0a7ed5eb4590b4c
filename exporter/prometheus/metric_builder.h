// SPDX-License-Identifier: Apache-2.0
// Building prometheus-cpp's plain metric values.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace weft {

using LabelList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// An empty value is the same as no label; values become UTF-8, or Prometheus would refuse the whole scrape.
void add_label(prometheus::ClientMetric& metric, std::string_view name, std::string_view value);

prometheus::MetricFamily counter_family(std::string name, std::string help);
prometheus::MetricFamily gauge_family(std::string name, std::string help);
void add_counter(prometheus::MetricFamily& family, LabelList labels, double value);
void add_gauge(prometheus::MetricFamily& family, LabelList labels, double value);

}  // namespace weft
