// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace weft {

// The text with every byte that is no UTF-8, and every control character, replaced by '?': names of files and
// arguments are arbitrary bytes, attribute values are not.
std::string utf8_text(std::string_view bytes);

}  // namespace weft
