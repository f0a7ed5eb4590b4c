// SPDX-License-Identifier: Apache-2.0
#include "control/pipeline_options.h"

namespace weft {

RouteOptions route_options(const RoutesConfig& config) {
  RouteOptions options;
  options.patterns = config.patterns;
  options.unmatched = static_cast<RouteOptions::Unmatched>(config.unmatched);
  options.ignored = config.ignored;
  return options;
}

PipelineOptions pipeline_options(const Config& config) {
  PipelineOptions options;
  options.mask = MaskRules(config.capture.headers, config.spans.baggage_attributes);
  options.routes = route_options(config.routes);
  options.limits.open_ns += static_cast<std::uint64_t>(config.capture.idle_timeout.count());
  return options;
}

}  // namespace weft
