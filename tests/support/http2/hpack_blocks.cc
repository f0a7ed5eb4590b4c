// SPDX-License-Identifier: Apache-2.0
#include "support/http2/hpack_blocks.h"

#include <algorithm>
#include <array>

namespace weft::test {
namespace {

std::size_t pick(std::mt19937_64& random, std::size_t below) { return below ? random() % below : 0; }

std::string random_text(std::mt19937_64& random, std::size_t most, std::string_view letters) {
  std::string text(pick(random, most + 1), 0);
  std::ranges::generate(text, [&] { return letters[pick(random, letters.size())]; });
  return text;
}

constexpr std::string_view name_letters = "abcdefghijklmnopqrstuvwxyz-0123456789";

}  // namespace

void put_integer(Bytes& out, std::uint8_t first, unsigned prefix_bits, std::uint64_t value) {
  const std::uint64_t full = (1u << prefix_bits) - 1;
  out.push_back(static_cast<std::uint8_t>(first | std::min(value, full)));
  if (value < full) return;
  for (value -= full; value >= 128; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 128));
  out.push_back(static_cast<std::uint8_t>(value));
}

// The oracle's encoder chooses Huffman only where it is shorter: one symbol at a time there is always a way to ask it.
std::string huffman_encoded(std::string_view text) {
  // Each symbol's bits, learned once from the oracle: enough copies of it are shorter in Huffman form, or else the
  // symbol is made part of a text of cheap ones.
  struct Bits {
    std::uint32_t code;
    unsigned length;
  };
  static const auto table = [] {
    std::array<Bits, 256> bits{};
    for (unsigned symbol = 0; symbol < 256; symbol++) {
      // 64 times '0' (five zero bits each) before the symbol: the rest of the string is its code and ones.
      OracleEncoder encoder;
      std::string value(64, '0');
      value.push_back(static_cast<char>(symbol));
      const Bytes block = encoder.encode({{"n", value, true}});
      // never-indexed literal: 0x10, name "n" raw (1 byte) or Huffman, then the value's length and bits
      std::size_t at = 1;
      at += 1 + (block[at] & 0x7f);
      at += 1;  // lengths below 127
      Bytes code(block.begin() + static_cast<long>(at), block.end());
      std::uint64_t tail = 0;
      for (std::size_t i = 40; i < code.size(); i++) tail = tail << 8 | code[i];
      const unsigned held = static_cast<unsigned>(code.size() - 40) * 8;
      // Padding is at most seven ones and a prefix of EOS; no code is all ones, so try lengths until it is unambiguous.
      bits[symbol] = {static_cast<std::uint32_t>(tail), held};
    }
    return bits;
  }();
  // The true length of a code: known from how long two of them are together.
  static const auto lengths = [] {
    std::array<unsigned, 256> result{};
    for (unsigned symbol = 0; symbol < 256; symbol++) {
      OracleEncoder encoder;
      std::string value(2000, '0');
      value.append(8, static_cast<char>(symbol));  // eight codes are whole bytes: 8 * length bits
      const Bytes block = encoder.encode({{"n", value, true}});
      std::size_t at = 1;
      at += 1 + (block[at] & 0x7f);
      at += 3;  // a length of 1250 and more takes three bytes
      result[symbol] = static_cast<unsigned>(block.size() - at - 1250);
    }
    return result;
  }();
  std::string out;
  std::uint64_t held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const auto symbol = static_cast<std::uint8_t>(c);
    const unsigned length = lengths[symbol];
    held = held << length | table[symbol].code >> (table[symbol].length - length);
    bits += length;
    for (; bits >= 8; bits -= 8) out.push_back(static_cast<char>(held >> (bits - 8)));
  }
  if (bits) out.push_back(static_cast<char>(held << (8 - bits) | ((1u << (8 - bits)) - 1)));
  return out;
}

void put_string(Bytes& out, std::string_view text, bool huffman) {
  const std::string coded = huffman ? huffman_encoded(text) : std::string(text);
  put_integer(out, huffman ? 0x80 : 0, 7, coded.size());
  out.insert(out.end(), coded.begin(), coded.end());
}

void put_literal(Bytes& out, Literal kind, std::uint32_t name_index, std::string_view name, std::string_view value,
                 bool huffman_name, bool huffman_value) {
  put_integer(out, static_cast<std::uint8_t>(kind), kind == Literal::indexing ? 6 : 4, name_index);
  if (name_index == 0) put_string(out, name, huffman_name);
  put_string(out, value, huffman_value);
}

void put_size_update(Bytes& out, std::size_t bytes) { put_integer(out, 0x20, 5, bytes); }

Fields random_fields(std::mt19937_64& random) {
  static const std::array<std::string_view, 8> names{":path",  "content-type", "traceparent", "user-agent",
                                                     "cookie", "x-request-id", "te",          "grpc-timeout"};
  Fields fields(1 + pick(random, 12));
  for (Field& field : fields) {
    field.name =
        pick(random, 3) ? std::string(names[pick(random, names.size())]) : "x" + random_text(random, 30, name_letters);
    field.value.resize(pick(random, pick(random, 10) ? 40 : 3000));
    const bool any_byte = pick(random, 8) == 0;
    for (char& c : field.value) c = static_cast<char>(any_byte ? random() : 'a' + pick(random, 6));
    field.never_indexed = pick(random, 6) == 0;
  }
  return fields;
}

Bytes BlockWriter::next() {
  Bytes out;
  if (pick(random_, 12) == 0) put_size_update(out, pick(random_, 4097));
  if (pick(random_, 12) == 0) put_size_update(out, pick(random_, 3) ? 4096 : 100);
  for (std::size_t n = 1 + pick(random_, 10); n > 0; n--) {
    const auto index = static_cast<std::uint32_t>(1 + pick(random_, 61 + std::min(inserted_, 20u)));
    if (pick(random_, 3) == 0) {
      put_integer(out, 0x80, 7, index);
      continue;
    }
    static constexpr std::array kinds{Literal::indexing, Literal::without, Literal::never};
    const Literal kind = kinds[pick(random_, kinds.size())];
    const std::string name = random_text(random_, 20, name_letters);
    const std::string value = random_text(random_, pick(random_, 20) ? 60 : 1500, "abcdef0123456789- {}~\x01\xff");
    put_literal(out, kind, pick(random_, 2) ? index : 0, name, value, pick(random_, 2), pick(random_, 2));
    inserted_ += kind == Literal::indexing;
  }
  return out;
}

}  // namespace weft::test
