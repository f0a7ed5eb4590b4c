// SPDX-License-Identifier: Apache-2.0
// Header blocks at random in every representation that HPACK has, written by a small encoder of our own: unlike a real
// one it does not look for the shortest form.
#pragma once

#include <random>

#include "support/http2/hpack_oracle.h"

namespace weft::test {

enum class Literal : std::uint8_t { indexing = 0x40, without = 0x00, never = 0x10 };

void put_integer(Bytes& out, std::uint8_t first, unsigned prefix_bits, std::uint64_t value);
void put_string(Bytes& out, std::string_view text, bool huffman);
void put_literal(Bytes& out, Literal kind, std::uint32_t name_index, std::string_view name, std::string_view value,
                 bool huffman_name, bool huffman_value);
void put_size_update(Bytes& out, std::size_t bytes);
std::string huffman_encoded(std::string_view text);

Fields random_fields(std::mt19937_64& random);
// Keeps track of how many entries the table has at most, so that most indices are legal.
class BlockWriter {
 public:
  explicit BlockWriter(std::uint64_t seed) : random_(seed) {}
  Bytes next();

 private:
  std::mt19937_64 random_;
  std::uint32_t inserted_ = 0;
};

}  // namespace weft::test
