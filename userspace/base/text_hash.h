// SPDX-License-Identifier: Apache-2.0
// For tables of strings that are asked with a view, without making a string of it.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace weft {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace weft
