// SPDX-License-Identifier: Apache-2.0
// /v1/sampling: what is answered and what is understood (docs/control-api.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sampling/report.h"

namespace weft {

std::string sampling_json(const SamplingReport& report);

struct SamplingOrder {
  std::optional<double> ratio;  // nothing: as configured again
  std::string service;          // "" = all that nothing names
};
// {"ratio": 0.1, "service": "orders"}; ratio null takes an order back.
Result<SamplingOrder> parse_sampling_order(std::string_view json);

}  // namespace weft
