// SPDX-License-Identifier: Apache-2.0
// The Huffman code of HPACK: RFC 7541 section 5.2 and appendix B.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace weft {

// Appends the text of `code` to `out`. False: not a valid coding (EOS in it, padding of more than seven bits or of
// other bits than ones); `out` then holds what came before. At most 8/5 bytes come out for each one that goes in.
bool huffman_decode(std::span<const std::uint8_t> code, std::string& out);

}  // namespace weft
