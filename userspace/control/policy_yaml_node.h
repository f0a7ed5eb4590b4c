// SPDX-License-Identifier: Apache-2.0
// The part of control/policy_yaml.h that works on a parsed document, for a policy that stands inside weft.yaml.
#pragma once

#include <yaml-cpp/yaml.h>

#include "control/policy_yaml.h"

namespace weft {

// `text` is the whole document, in which the node's marks count. Throws PolicyError and YAML::Exception.
ReadPolicy read_policy_node(const YAML::Node& node, std::string_view text, const std::string& name);

}  // namespace weft
