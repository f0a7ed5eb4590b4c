// SPDX-License-Identifier: Apache-2.0
#include "support/http2/hpack_oracle.h"

#include <nghttp2/nghttp2.h>

#include <cstdlib>

namespace weft::test {
namespace {

void require(bool condition) {
  if (!condition) std::abort();  // the oracle itself failed
}

std::uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

OracleEncoder::OracleEncoder() { require(nghttp2_hd_deflate_new(&deflater_, 65536) == 0); }
OracleEncoder::~OracleEncoder() { nghttp2_hd_deflate_del(deflater_); }
void OracleEncoder::table_size(std::size_t bytes) {
  require(nghttp2_hd_deflate_change_table_size(deflater_, bytes) == 0);
}

Bytes OracleEncoder::encode(const Fields& fields) {
  std::vector<nghttp2_nv> pairs;
  for (const Field& field : fields)
    pairs.push_back({bytes_of(field.name), bytes_of(field.value), field.name.size(), field.value.size(),
                     static_cast<std::uint8_t>(field.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : 0)});
  Bytes out(nghttp2_hd_deflate_bound(deflater_, pairs.data(), pairs.size()));
  const ssize_t used = nghttp2_hd_deflate_hd(deflater_, out.data(), out.size(), pairs.data(), pairs.size());
  require(used >= 0);
  out.resize(static_cast<std::size_t>(used));
  return out;
}

OracleDecoder::OracleDecoder() { require(nghttp2_hd_inflate_new(&inflater_) == 0); }
OracleDecoder::~OracleDecoder() { nghttp2_hd_inflate_del(inflater_); }
void OracleDecoder::table_size(std::size_t bytes) {
  require(nghttp2_hd_inflate_change_table_size(inflater_, bytes) == 0);
}

std::optional<Fields> OracleDecoder::decode(std::span<const std::uint8_t> block) {
  Fields fields;
  for (;;) {
    nghttp2_nv pair;
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &pair, &flags, block.data(), block.size(), 1);
    if (used < 0) return std::nullopt;
    block = block.subspan(static_cast<std::size_t>(used));
    if (flags & NGHTTP2_HD_INFLATE_EMIT)
      fields.push_back({std::string(reinterpret_cast<char*>(pair.name), pair.namelen),
                        std::string(reinterpret_cast<char*>(pair.value), pair.valuelen),
                        (pair.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
    if (flags & NGHTTP2_HD_INFLATE_FINAL) {
      nghttp2_hd_inflate_end_headers(inflater_);
      return fields;
    }
    if (used == 0 && block.empty()) return std::nullopt;
  }
}

}  // namespace weft::test
