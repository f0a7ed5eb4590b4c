// SPDX-License-Identifier: Apache-2.0
// Machine code, instruction by instruction.
#pragma once

#include <Zydis/Zydis.h>

#include <cstddef>
#include <span>

namespace weft {

// Calls `each` with every instruction, its operands and where it stands, until that returns true. False: bytes that are
// none, or the end.
template <typename Each>
bool walk_code(std::span<const std::byte> code, const Each& each) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  for (std::size_t at = 0; at < code.size();) {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data() + at, code.size() - at, &instruction, operands)))
      return false;
    if (each(instruction, operands, at)) return true;
    at += instruction.length;
  }
  return false;
}

}  // namespace weft
