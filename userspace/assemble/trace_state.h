// SPDX-License-Identifier: Apache-2.0
// tracestate as a span shows it (W3C Trace Context section 3.3): several headers joined in order, whole members only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

// `lines`: header values joined with ','. An invalid list (bad or double key, bad value, over 32 members) counts as
// empty. Limited to 512 characters: members over 128 go first, then from the right. `ot`: takes the place of the list's
// member of that name, leftmost; "": that member goes.
std::string clean_trace_state(std::string_view lines, std::optional<std::string_view> ot = std::nullopt);

// The member that says by which threshold a trace was sampled (wire/ot_member.h).
std::string threshold_member(std::uint32_t threshold);

}  // namespace weft
