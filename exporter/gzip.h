// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <isa-l/igzip_lib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace weft {

// Its memory is kept between requests: 165 KiB, and what it has written to of the room for the longest text.
class Gzip {
 public:
  // Until the next call. Nothing: not possible, send it plain.
  std::optional<std::string_view> compress(std::string_view text);

 private:
  struct State {
    isal_zstream stream;
    std::array<std::uint8_t, ISAL_DEF_LVL1_SMALL> room;
  };
  const std::unique_ptr<State> state_ = std::make_unique<State>();
  std::unique_ptr<std::uint8_t[]> out_;
  std::size_t out_bytes_ = 0;
};

}  // namespace weft
