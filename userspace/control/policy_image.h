// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/policy_maps.h"
#include "policy/compile.h"

namespace weft {

// A compiled rule set as the kernel side takes it.
PolicyImage policy_image(const CompiledSet& set, std::uint64_t generation);

}  // namespace weft
