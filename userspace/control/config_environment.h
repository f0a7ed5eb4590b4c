// SPDX-License-Identifier: Apache-2.0
// WEFT_<SECTION>_<KEY> and the OTEL_* variables. Private to control/config_*.
#pragma once

#include "control/config.h"
#include "control/config_load.h"

namespace weft::config {

// Lays the environment over what `config` holds. Throws BadValue whose reason begins with the variable's name.
// A WEFT_ variable is nearer than an OTEL_ one and wins over it. Empty variables count as not set (OpenTelemetry).
void read_environment(const Environment& environment, Config& config);

}  // namespace weft::config
