// SPDX-License-Identifier: Apache-2.0
#include "runtime/probe_site.h"

#include <algorithm>
#include <map>
#include <vector>

#include "runtime/code_walk.h"

namespace weft {
namespace {

constexpr std::size_t kPrologue = 64;
constexpr std::size_t kLongestFunction = 64 * 1024;

struct Code {
  std::vector<std::byte> bytes;
  std::uint64_t offset = 0;
};

std::optional<Code> code_of(const ElfFile& file, const CodeRange& function, std::size_t most) {
  const auto offset = file.file_offset(function.address);
  if (!offset || function.bytes == 0) return std::nullopt;
  Code code;
  code.offset = *offset;
  code.bytes.resize(std::min<std::uint64_t>(function.bytes, most));
  code.bytes.resize(file.read(code.offset, code.bytes));
  return code;
}

// Calls `each` with every instruction and its place; stops when that returns true, or at bytes that are no instruction.
template <typename Each>
std::optional<std::uint64_t> find(const Code& code, const Each& each) {
  std::size_t found = 0;
  const bool stopped = walk_code(code.bytes, [&](const auto& instruction, const auto* operands, std::size_t at) {
    found = at;
    return each(instruction, operands, at);
  });
  return stopped ? std::optional(code.offset + found) : std::nullopt;
}

bool writes(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, ZydisRegister whole) {
  return std::any_of(operands, operands + in.operand_count, [&](const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
           ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == whole;
  });
}

struct FirstCall {
  std::uint64_t callee = 0;
  std::uint64_t after = 0;  // the address of what follows
};

std::optional<FirstCall> first_call_of(const ElfFile& file, std::uint64_t address) {
  const auto code = code_of(file, {.address = address, .bytes = 2 * kPrologue}, 2 * kPrologue);
  if (!code) return std::nullopt;
  std::optional<FirstCall> call;
  find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
    ZyanU64 target = 0;
    if (in.mnemonic == ZYDIS_MNEMONIC_JMP || in.mnemonic == ZYDIS_MNEMONIC_RET) return true;
    if (in.mnemonic != ZYDIS_MNEMONIC_CALL)
      return writes(in, operands, ZYDIS_REGISTER_RDI) || writes(in, operands, ZYDIS_REGISTER_RSI);
    if (operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
        ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &operands[0], address + at, &target)))
      call = {target, address + at + in.length};
    return true;
  });
  return call;
}

}  // namespace

std::optional<std::uint64_t> entry_site(const ElfFile& file, const CodeRange& function) {
  const auto code = code_of(file, function, kPrologue);
  if (!code) return std::nullopt;
  std::optional<std::uint64_t> jump;
  bool over = false;
  const auto push =
      find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
        if (over) return false;
        if (jump && in.mnemonic == ZYDIS_MNEMONIC_PUSH && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            operands[0].reg.value == ZYDIS_REGISTER_RBP)
          return true;
        // Past the check of the stack nothing but the push belongs to the prologue.
        const bool check = in.mnemonic == ZYDIS_MNEMONIC_CMP || in.mnemonic == ZYDIS_MNEMONIC_LEA ||
                           in.mnemonic == ZYDIS_MNEMONIC_ENDBR64;
        over = jump || !(check || in.mnemonic == ZYDIS_MNEMONIC_JBE);
        if (!over && in.mnemonic == ZYDIS_MNEMONIC_JBE) jump = code->offset + at;
        return false;
      });
  return push ? push : jump;
}

std::optional<std::uint64_t> call_site(const ElfFile& file, const CodeRange& function, std::uint64_t callee) {
  const auto code = code_of(file, function, kLongestFunction);
  if (!code) return std::nullopt;
  return find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
    ZyanU64 target = 0;
    return in.mnemonic == ZYDIS_MNEMONIC_CALL && operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
           ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &operands[0], function.address + at, &target)) &&
           target == callee;
  });
}

std::optional<std::uint64_t> first_call(const ElfFile& file, std::uint64_t address) {
  const auto call = first_call_of(file, address);
  return call ? std::optional(call->callee) : std::nullopt;
}

std::optional<ReturnSite> after_first_call(const ElfFile& file, std::uint64_t address) {
  const auto call = first_call_of(file, address);
  const auto code =
      call ? code_of(file, {.address = call->after, .bytes = 2 * kPrologue}, 2 * kPrologue) : std::nullopt;
  if (!code) return std::nullopt;
  constexpr std::uint32_t kWord = 8;
  std::uint32_t above = kWord;  // the call's own address to return to
  std::optional<ReturnSite> site;
  find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
    if (in.mnemonic == ZYDIS_MNEMONIC_RET || in.meta.category == ZYDIS_CATEGORY_COND_BR) {
      site = {code->offset + at, above};
      return true;
    }
    if (in.mnemonic == ZYDIS_MNEMONIC_ADD && operands[0].reg.value == ZYDIS_REGISTER_RSP &&
        operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
      above += static_cast<std::uint32_t>(operands[1].imm.value.u);
    else if (in.mnemonic == ZYDIS_MNEMONIC_POP)
      above += kWord;
    else if (writes(in, operands, ZYDIS_REGISTER_RSP))
      return true;
    const bool value_of_another = in.meta.category == ZYDIS_CATEGORY_CMOV;
    return in.meta.category == ZYDIS_CATEGORY_CALL || in.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
           (!value_of_another && writes(in, operands, ZYDIS_REGISTER_RAX));
  });
  return site;
}

bool begins_with_push(const ElfFile& file, std::uint64_t address) {
  const auto code = code_of(file, {.address = address, .bytes = kPrologue}, kPrologue);
  bool push = false;
  if (code)
    find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
      push = in.mnemonic == ZYDIS_MNEMONIC_PUSH && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER;
      return in.mnemonic != ZYDIS_MNEMONIC_ENDBR64;
    });
  return push;
}

std::vector<std::uint64_t> return_sites(const ElfFile& file, const CodeRange& function) {
  const auto code = code_of(file, function, kLongestFunction);
  if (!code || code->bytes.size() != function.bytes) return {};
  std::vector<std::uint64_t> sites;
  std::size_t read = 0;
  find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand*, std::size_t at) {
    if (in.mnemonic == ZYDIS_MNEMONIC_RET) sites.push_back(code->offset + at);
    read = at + in.length;
    return false;
  });
  return read == function.bytes ? sites : std::vector<std::uint64_t>();
}

bool jumps_away(const ElfFile& file, const CodeRange& function) {
  const auto code = code_of(file, function, kLongestFunction);
  return !code ||
         find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t at) {
           if (in.meta.category != ZYDIS_CATEGORY_UNCOND_BR && in.meta.category != ZYDIS_CATEGORY_COND_BR) return false;
           ZyanU64 target = 0;
           return operands[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
                  !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&in, &operands[0], function.address + at, &target)) ||
                  target - function.address >= function.bytes;
         });
}

std::optional<std::uint32_t> first_argument_slot(const ElfFile& file, const CodeRange& function) {
  const auto code = code_of(file, function, 4 * kPrologue);
  if (!code) return std::nullopt;
  std::optional<std::uint32_t> slot;
  find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
    if (in.mnemonic == ZYDIS_MNEMONIC_CALL) return true;
    if (in.mnemonic != ZYDIS_MNEMONIC_MOV || operands[0].type != ZYDIS_OPERAND_TYPE_MEMORY ||
        operands[0].mem.base != ZYDIS_REGISTER_RSP || operands[0].mem.index != ZYDIS_REGISTER_NONE ||
        operands[1].type != ZYDIS_OPERAND_TYPE_REGISTER || operands[1].reg.value != ZYDIS_REGISTER_RAX)
      return false;
    slot = static_cast<std::uint32_t>(operands[0].mem.disp.value);
    return true;
  });
  return slot;
}

// As `mov %fs:-8,%rax`, in position-independent programs as `mov $-8,%rcx` before `mov %fs:(%rcx),%rax`.
std::optional<std::int64_t> thread_word(const ElfFile& file, const CodeRange& function) {
  constexpr std::int64_t kFarthest = 1 << 20;
  const auto code = code_of(file, function, 4 * kPrologue);
  if (!code) return std::nullopt;
  std::map<ZydisRegister, std::int64_t> numbers;
  std::optional<std::int64_t> word;
  find(*code, [&](const ZydisDecodedInstruction& in, const ZydisDecodedOperand* operands, std::size_t) {
    const auto& to = operands[0];
    const auto& from = operands[1];
    if (in.mnemonic != ZYDIS_MNEMONIC_MOV) {
      if (to.type == ZYDIS_OPERAND_TYPE_REGISTER) numbers.erase(to.reg.value);
      return in.mnemonic == ZYDIS_MNEMONIC_CALL;
    }
    if (from.type == ZYDIS_OPERAND_TYPE_MEMORY && from.mem.segment == ZYDIS_REGISTER_FS) {
      const auto base = numbers.find(from.mem.base);
      if (from.mem.index == ZYDIS_REGISTER_NONE && (from.mem.base == ZYDIS_REGISTER_NONE || base != numbers.end()))
        word = (base == numbers.end() ? 0 : base->second) + from.mem.disp.value;
      return true;
    }
    if (to.type != ZYDIS_OPERAND_TYPE_REGISTER) return false;
    numbers.erase(to.reg.value);
    if (from.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) numbers[to.reg.value] = from.imm.value.s;
    return false;
  });
  if (!word || *word >= 0 || *word < -kFarthest || *word % 8 != 0) return std::nullopt;
  return word;
}

}  // namespace weft
