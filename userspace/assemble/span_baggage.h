// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "decode/mask.h"
#include "span/span.h"

namespace weft {

// Appends the members of a baggage header's value.
void add_baggage_members(std::string_view value, Span& span);
// spans.baggage_attributes
void add_baggage_attributes(const MaskRules& rules, Span& span);

}  // namespace weft
