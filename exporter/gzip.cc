// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip.h"

namespace weft {

Gzip::Gzip() {
  // The fastest level: span text repeats itself so much that higher ones gain little and cost several times the CPU.
  constexpr int gzip_window = 15 + 16;
  ready_ = deflateInit2(&stream_, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

Gzip::~Gzip() {
  if (ready_) deflateEnd(&stream_);
}

std::optional<std::string> Gzip::compress(std::string_view text) {
  if (!ready_ || deflateReset(&stream_) != Z_OK) return std::nullopt;
  std::string out(deflateBound(&stream_, text.size()), '\0');
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream_.avail_in = static_cast<uInt>(text.size());
  stream_.next_out = reinterpret_cast<Bytef*>(out.data());
  stream_.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) return std::nullopt;
  out.resize(stream_.total_out);
  return out;
}

}  // namespace weft
