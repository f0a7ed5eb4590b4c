// SPDX-License-Identifier: Apache-2.0
#include "exporter/gzip.h"

namespace weft {
namespace {
// The fastest: span text repeats itself so much that higher levels gain little and cost twice the time.
constexpr int kLevel = 1;
}  // namespace

Gzip::Gzip() : compressor_(libdeflate_alloc_compressor(kLevel)) {}

std::optional<std::string> Gzip::compress(std::string_view text) {
  if (!compressor_) return std::nullopt;
  std::string out(libdeflate_gzip_compress_bound(compressor_.get(), text.size()), '\0');
  const std::size_t bytes =
      libdeflate_gzip_compress(compressor_.get(), text.data(), text.size(), out.data(), out.size());
  if (bytes == 0) return std::nullopt;
  out.resize(bytes);
  return out;
}

}  // namespace weft
