// SPDX-License-Identifier: Apache-2.0
// Words for the numbers that the kernel programs report and count by; they are label values of metrics and attributes
// of spans, and stay as they are. A number that is out of range is "unknown".
#pragma once

#include <string_view>

namespace weft {

std::string_view injection_name(unsigned result);   // enum injection_result
std::string_view protocol_name(unsigned protocol);  // enum wire_protocol
std::string_view end_name(unsigned reason);         // enum end_reason
std::string_view park_name(unsigned reason);        // enum park_reason
std::string_view fault_name(unsigned fault);        // enum fault
std::string_view program_name(unsigned program);    // enum kernel_program
std::string_view event_name(unsigned type);         // enum event_type
std::string_view spans_name(unsigned telemetry);    // enum telemetry, of spans: a word for people

}  // namespace weft
