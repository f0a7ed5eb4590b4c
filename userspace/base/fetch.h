// SPDX-License-Identifier: Apache-2.0
// Memory that will be needed in a moment sets out for this processor's cache meanwhile. Any address will do.
#pragma once

#include <cstddef>

namespace weft {

inline constexpr std::size_t kCacheLine_bytes = 64;

inline void fetch(const void* what, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += kCacheLine_bytes)
    __builtin_prefetch(static_cast<const char*>(what) + at, 0);
}

inline void fetch_to_write(const void* what, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += kCacheLine_bytes)
    __builtin_prefetch(static_cast<const char*>(what) + at, 1);
}

}  // namespace weft
