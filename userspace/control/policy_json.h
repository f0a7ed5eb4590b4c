// SPDX-License-Identifier: Apache-2.0
// The policy's answers as JSON. Shapes are specified in docs/control-api.md.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "control/policy_control.h"

namespace weft {

std::string policy_json(const PolicyStatus& status);
std::string policy_trial_json(const PolicyStatus& status);  // the trial alone; null when there is none
std::string policy_applied_json(const PolicyReport& report);
std::string policy_refusal_json(const PolicyRefusal& refusal);  // {"error", "line", "column"}
std::string policy_explanation_json(const PolicyExplanation& explanation);

// A rule set as data, also for `weft policy check`.
nlohmann::ordered_json policy_report_object(const PolicyReport& report);
nlohmann::ordered_json policy_explanation_object(const PolicyExplanation& explanation);

}  // namespace weft
