// SPDX-License-Identifier: Apache-2.0
// The policy's answers (docs/control-api.md) as text for people.
#pragma once

#include <string>

#include "cli/client.h"
#include "cli/terminal.h"

namespace weft::cli {

std::string policy_text(const Json& policy, const Screen& screen);        // weft policy show
std::string policy_check_text(const Json& report, const Screen& screen);  // what a file compiles to
std::string policy_test_text(const Json& explanation, const Screen& screen);
std::string policy_trial_text(const Json& trial, const Screen& screen);  // what the one on trial would do
// "warning: FILE:9:5: reason (line 3)", one a line.
std::string policy_warnings_text(const Json& report, const std::string& file);
std::string policy_name_text(const Json& report);  // "policy version 7"

}  // namespace weft::cli
