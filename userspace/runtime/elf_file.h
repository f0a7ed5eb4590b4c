// SPDX-License-Identifier: Apache-2.0
// The few things weft asks of an ELF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/file_id.h"

struct Elf;

namespace weft {

struct ElfSection {
  std::string name;
  std::uint64_t address = 0;  // 0: not in memory
  std::uint64_t offset = 0;   // in the file
  std::uint64_t bytes = 0;    // never beyond the end of the file
  std::uint32_t type = 0;     // SHT_*
};

// A function's code.
struct CodeRange {
  std::uint64_t address = 0;  // as linked
  std::uint64_t bytes = 0;
};

class ElfFile {
 public:
  // `read` becomes which file was looked at, also where it is no ELF file; it stays as it is where none could be read.
  static Result<ElfFile> open(const std::string& path, std::optional<FileId>* read = nullptr);
  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  bool has_section(std::string_view name) const;
  std::vector<ElfSection> sections() const;
  std::optional<ElfSection> section(std::string_view name) const;
  bool is_x86_64() const;
  bool position_independent() const;  // addresses are relative to where the file is mapped

  // Up to out.size() bytes at `offset`; how many there were. Reads without mapping, so that nothing stays resident.
  std::size_t read(std::uint64_t offset, std::span<std::byte> out) const;
  std::optional<std::uint64_t> file_offset(std::uint64_t address) const;  // of loaded bytes
  std::uint64_t bytes() const { return bytes_; }
  Elf* elf() const { return elf_; }

  // Where the code of an exported function lies in the file, which is what a uprobe takes. The default version of a
  // versioned symbol wins.
  std::optional<std::uint64_t> dynamic_function_offset(std::string_view name) const;

 private:
  ElfFile(int fd, Elf* elf, std::uint64_t bytes) : fd_(fd), elf_(elf), bytes_(bytes) {}

  int fd_ = -1;
  Elf* elf_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace weft
