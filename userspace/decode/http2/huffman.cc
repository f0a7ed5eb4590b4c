// SPDX-License-Identifier: Apache-2.0
#include "decode/http2/huffman.h"

#include <array>
#include <cstddef>

namespace weft {
namespace {

constexpr unsigned symbols = 257;  // the last one is EOS
constexpr unsigned eos = 256;
constexpr unsigned longest = 30;

// Bits of each symbol's code. The code is canonical: ordered by length and then by symbol, codes count up.
constexpr std::array<std::uint8_t, symbols> lengths{
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,
    7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,
    5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24,
    24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26,
    27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23,
    22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};

struct Code {
  std::array<std::uint32_t, longest + 1> first{};  // code of the first symbol of that length
  std::array<std::uint16_t, longest + 1> count{};
  std::array<std::uint16_t, longest + 1> start{};  // … and its place in `order`
  std::array<std::uint16_t, symbols> order{};
  struct Short {
    std::uint8_t symbol, bits;  // bits == 0: a longer code
  };
  std::array<Short, 256> byte{};  // by the next eight bits
};

consteval Code make_code() {
  Code code;
  std::size_t place = 0;
  std::uint32_t next = 0;
  for (unsigned bits = 1; bits <= longest; bits++) {
    next <<= 1;
    code.first[bits] = next;
    code.start[bits] = static_cast<std::uint16_t>(place);
    for (unsigned symbol = 0; symbol < symbols; symbol++) {
      if (lengths[symbol] != bits) continue;
      code.order[place++] = static_cast<std::uint16_t>(symbol);
      code.count[bits]++;
      if (bits <= 8)
        for (std::uint32_t tail = 0; tail < 1u << (8 - bits); tail++)
          code.byte[(next << (8 - bits)) + tail] = {static_cast<std::uint8_t>(symbol), static_cast<std::uint8_t>(bits)};
      next++;
    }
  }
  if (next != 1u << longest) throw "the code is not complete";
  return code;
}
constexpr Code code = make_code();

}  // namespace

bool huffman_decode(std::span<const std::uint8_t> coded, std::string& out) {
  std::uint64_t window = 0;  // the next bits, highest first
  unsigned held = 0;
  std::size_t at = 0;
  for (;;) {
    while (held <= 56 && at < coded.size()) {
      window |= static_cast<std::uint64_t>(coded[at++]) << (56 - held);
      held += 8;
    }
    if (held == 0) return true;
    if (const Code::Short shorty = code.byte[window >> 56]; shorty.bits != 0 && shorty.bits <= held) {
      out.push_back(static_cast<char>(shorty.symbol));
      window <<= shorty.bits;
      held -= shorty.bits;
      continue;
    }
    // Only ones, fewer than eight, at the end: padding (the beginning of EOS).
    if (held < 8 && at == coded.size() && window == ~std::uint64_t{0} << (64 - held)) return true;
    unsigned bits = 9;
    for (; bits <= longest; bits++) {
      const auto value = static_cast<std::uint32_t>(window >> (64 - bits));
      if (value >= code.first[bits] && value - code.first[bits] < code.count[bits]) break;
    }
    if (bits > longest || bits > held) return false;
    const unsigned place = code.start[bits] + static_cast<std::uint32_t>(window >> (64 - bits)) - code.first[bits];
    if (code.order[place] == eos) return false;
    out.push_back(static_cast<char>(code.order[place]));
    window <<= bits;
    held -= bits;
  }
}

}  // namespace weft
