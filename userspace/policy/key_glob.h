// SPDX-License-Identifier: Apache-2.0
// Globs on baggage keys: `*` any run within one dot-separated part (also an empty one), `**` any run, `?` one character
// but the dot; every other character is itself.
#pragma once

#include <string_view>

namespace weft {

enum class KeyCase { exact, ignored };

// True when every key that `narrow` matches is matched by `wide` too. Bounded work: a pair of patterns that would need
// more is answered with false.
bool key_glob_covers(std::string_view wide, std::string_view narrow, KeyCase key_case);

bool key_glob_matches(std::string_view glob, std::string_view key);  // case-sensitive

bool key_glob_is_exact(std::string_view glob);  // no `*`, no `?`

}  // namespace weft
