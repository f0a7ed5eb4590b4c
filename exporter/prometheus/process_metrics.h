// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/collectable.h>

namespace weft {

// CPU, memory, descriptors and start time of this process, under the names that every Prometheus client uses.
class ProcessMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace weft
