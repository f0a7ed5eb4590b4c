// SPDX-License-Identifier: Apache-2.0
// The policy as a file: reading it whole, and what is said of a place in it.
#pragma once

#include <string>

#include "base/result.h"
#include "control/policy_yaml.h"

namespace weft {

// A regular file of at most kMostPolicyBytes. The error is one line that begins with the path.
Result<std::string> read_policy_file(const std::string& path);

// "baggage.yaml:3:5: reason"; without a line only the name stands before the reason.
std::string policy_message(const std::string& name, const PolicyError& error);
// "baggage.yaml:9:5: reason (see line 3)"
std::string policy_message(const std::string& name, const PolicyWarning& warning);

}  // namespace weft
