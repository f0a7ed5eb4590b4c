// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <optional>
#include <string>
#include <string_view>

namespace weft {

// One deflate state, kept between requests: its 256 KiB are allocated once.
class Gzip {
 public:
  Gzip();
  ~Gzip();
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  std::optional<std::string> compress(std::string_view text);  // nothing: zlib failed, send it plain

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace weft
