// SPDX-License-Identifier: Apache-2.0
// libnghttp2's HPACK, as an oracle.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct nghttp2_hd_deflater;
struct nghttp2_hd_inflater;

namespace weft::test {

using Bytes = std::vector<std::uint8_t>;

struct Field {
  std::string name, value;
  bool never_indexed = false;
  bool operator==(const Field&) const = default;
};
using Fields = std::vector<Field>;

class OracleEncoder {
 public:
  OracleEncoder();
  ~OracleEncoder();
  void table_size(std::size_t bytes);  // announced in the next block
  Bytes encode(const Fields& fields);

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

class OracleDecoder {
 public:
  OracleDecoder();
  ~OracleDecoder();
  void table_size(std::size_t bytes);  // the setting that the peer was told
  std::optional<Fields> decode(std::span<const std::uint8_t> block);

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace weft::test
