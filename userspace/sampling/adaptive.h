// SPDX-License-Identifier: Apache-2.0
// Which routes deserve more traces than their ratio gives: those that fail or are slow.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipeline/routes_table.h"
#include "sampling/controller.h"
#include "sampling/options.h"

namespace weft {

inline constexpr std::size_t kMostRaisedRoutes = 16;

// The next step from `before`: a route in trouble has its ratio doubled, up to max_ratio; one that has recovered has it
// halved, until what it has without that holds again. `base` says what that is. At most kMostRaisedRoutes, worst first.
using BaseRatio =
    std::function<double(const std::string& service, const std::string& method, const std::string& route)>;
std::vector<RaisedRoute> raise_routes(const AdaptiveOptions& options, const std::vector<RouteRow>& rows,
                                      const std::vector<RaisedRoute>& before, const BaseRatio& base);

}  // namespace weft
