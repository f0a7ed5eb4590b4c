// SPDX-License-Identifier: Apache-2.0
// What the configuration means to the kernel side and to discovery, when the agent starts and when the file changes.
#pragma once

#include "control/config.h"
#include "kernel/kernel.h"

namespace weft {

PropagationOptions propagation_options(const PropagationConfig& config, const KafkaConfig& kafka);
KernelOptions kernel_options_of(const Config& config, const KernelReport& report);
DiscoveryRules discovery_rules(const Config& config, const KernelReport& report);

}  // namespace weft
