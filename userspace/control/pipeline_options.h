// SPDX-License-Identifier: Apache-2.0
// What the configuration means to the pipeline, the same for the agent and for a replay.
#pragma once

#include "assemble/pipeline_core.h"
#include "control/config.h"

namespace weft {

RouteOptions route_options(const RoutesConfig& config);
PipelineOptions pipeline_options(const Config& config);

}  // namespace weft
