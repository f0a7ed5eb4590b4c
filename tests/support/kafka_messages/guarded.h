// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <span>
#include <string_view>

#include "support/guarded_buffer.h"

namespace weft::test::kafka {

// Text that ends at a page nobody may touch.
class Guarded {
 public:
  explicit Guarded(std::string_view text) : buffer_(text.size() + 1), bytes_(text.size()) {
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(buffer_.end() - bytes_));
  }
  std::span<const std::byte> bytes() { return {reinterpret_cast<const std::byte*>(buffer_.end() - bytes_), bytes_}; }

 private:
  GuardedBuffer buffer_;
  std::size_t bytes_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace weft::test::kafka
