// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <isa-l/igzip_lib.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

// Its memory, 165 KiB, is kept between requests.
class Gzip {
 public:
  std::optional<std::string> compress(std::string_view text);  // nothing: not possible, send it plain

 private:
  struct State {
    isal_zstream stream;
    std::array<std::uint8_t, ISAL_DEF_LVL1_SMALL> room;
  };
  const std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace weft
