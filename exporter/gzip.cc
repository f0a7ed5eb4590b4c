// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip.h"

#include <limits>

namespace weft {

std::optional<std::string_view> Gzip::compress(std::string_view text) {
  constexpr std::size_t kFrame_bytes = 256, kStored = 1024;  // what cannot be made shorter becomes no longer than that
  if (text.size() > std::numeric_limits<std::uint32_t>::max() / 2) return std::nullopt;
  if (const std::size_t room = text.size() + text.size() / kStored + kFrame_bytes; room > out_bytes_) {
    out_ = std::make_unique_for_overwrite<std::uint8_t[]>(room);
    out_bytes_ = room;
  }
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
  stream.next_out = out_.get();
  stream.avail_out = static_cast<std::uint32_t>(out_bytes_);
  if (isal_deflate_stateless(&stream) != COMP_OK) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(out_.get()), stream.total_out);
}

}  // namespace weft
