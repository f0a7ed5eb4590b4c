// SPDX-License-Identifier: Apache-2.0
// Words for the numbers of bpf/wire/events.h, as they stand in span attributes.
#pragma once

#include <string_view>

namespace weft {

std::string_view injection_reason(unsigned result);  // enum injection_result: "no_budget"; "unknown" when out of range
std::string_view end_reason_name(unsigned reason);   // enum end_reason: "timeout"

}  // namespace weft
