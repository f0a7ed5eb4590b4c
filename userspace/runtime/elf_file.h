// SPDX-License-Identifier: Apache-2.0
// The few things weft asks of an ELF file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct Elf;

namespace weft {

class ElfFile {
 public:
  static Result<ElfFile> open(const std::string& path);
  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  bool has_section(std::string_view name) const;

  // Where the code of an exported function lies in the file, which is what a uprobe takes. The default version of a
  // versioned symbol wins.
  std::optional<std::uint64_t> dynamic_function_offset(std::string_view name) const;

 private:
  ElfFile(int fd, Elf* elf) : fd_(fd), elf_(elf) {}
  std::optional<std::uint64_t> file_offset(std::uint64_t address) const;

  int fd_ = -1;
  Elf* elf_ = nullptr;
};

}  // namespace weft
