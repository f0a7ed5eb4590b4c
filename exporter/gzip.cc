// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip.h"

#include <limits>

namespace weft {

std::optional<std::string> Gzip::compress(std::string_view text) {
  constexpr std::size_t kFrame_bytes = 256, kStored = 1024;  // what cannot be made shorter becomes no longer than that
  if (text.size() > std::numeric_limits<std::uint32_t>::max() / 2) return std::nullopt;
  std::string out(text.size() + text.size() / kStored + kFrame_bytes, '\0');
  isal_zstream& stream = state_->stream;
  isal_deflate_stateless_init(&stream);
  // The first level: text of spans repeats itself so much that higher ones gain little.
  stream.level = 1;
  stream.level_buf = state_->room.data();
  stream.level_buf_size = static_cast<std::uint32_t>(state_->room.size());
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // only read
  stream.avail_in = static_cast<std::uint32_t>(text.size());
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = static_cast<std::uint32_t>(out.size());
  if (isal_deflate_stateless(&stream) != COMP_OK) return std::nullopt;
  out.resize(stream.total_out);
  return out;
}

}  // namespace weft
