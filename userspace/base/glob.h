// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace weft {

// `*` any run of characters (also '/' and spaces), `?` one character, `[a-z]` and `[!a-z]` classes, `\` takes the next
// character as it is. Time is bounded by pattern length × text length: command lines are chosen by others.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace weft
