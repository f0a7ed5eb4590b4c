// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libdeflate.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

// One compressor, kept between requests: its memory is allocated once.
class Gzip {
 public:
  Gzip();
  std::optional<std::string> compress(std::string_view text);  // nothing: no memory, send it plain

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

}  // namespace weft
