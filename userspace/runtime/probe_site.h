// SPDX-License-Identifier: Apache-2.0
// Where in a function a uprobe is cheap: instructions that the kernel emulates (push, call, conditional jumps) cost a
// tenth of those that it has to single-step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/elf_file.h"

namespace weft {

// Offset in the file of the first emulated instruction that runs while the arguments are still in their registers:
// `push %rbp` of the prologue behind the check of the stack, or (Go 1.20) that check's `jbe`. Where the stack has to
// grow the jump is taken, and the function begins again: a call is the hit with neither the carry flag nor the zero
// flag set, which is so at the push, too. Nothing for functions without that check.
std::optional<std::uint64_t> entry_site(const ElfFile& file, const CodeRange& function);

// Offset in the file of the first direct call of `callee` within `function`.
std::optional<std::uint64_t> call_site(const ElfFile& file, const CodeRange& function, std::uint64_t callee);

// Address of what the function at `address` calls first, by a direct call near its beginning, on the way on which
// nothing jumps, and with its own first two arguments.
std::optional<std::uint64_t> first_call(const ElfFile& file, std::uint64_t address);

// Where what was called has given its result, which is in RAX.
struct ReturnSite {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t above = 0;   // so many bytes is the stack pointer above what it was where the called function began
};

// Behind what the function at `address` calls first: the first instruction that is emulated or, where none comes before
// it, the one that returns. Nothing where the code between does more than to drop its frame and to make one value of
// another (CMOVcc).
std::optional<ReturnSite> after_first_call(const ElfFile& file, std::uint64_t address);

// Is the first instruction there, behind ENDBR64, one that puts a register on the stack?
bool begins_with_push(const ElfFile& file, std::uint64_t address);

// Offsets in the file of the return instructions of `function`; empty: its code cannot be read to its end.
std::vector<std::uint64_t> return_sites(const ElfFile& file, const CodeRange& function);

// Does the code of `function` jump out of it, or to where only it knows?
bool jumps_away(const ElfFile& file, const CodeRange& function);

// Distance from the stack pointer of the place where a function's prologue puts its first argument (RAX) aside.
std::optional<std::uint32_t> first_argument_slot(const ElfFile& file, const CodeRange& function);

// The word of the thread's storage that a function reads first, from the FS base.
std::optional<std::int64_t> thread_word(const ElfFile& file, const CodeRange& function);

}  // namespace weft
