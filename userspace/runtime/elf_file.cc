// SPDX-License-Identifier: Apache-2.0
#include "runtime/elf_file.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weft {

Result<ElfFile> ElfFile::open(const std::string& path, std::optional<FileId>* read) {
  if (elf_version(EV_CURRENT) == EV_NONE) return fail("libelf is older than the headers it was built with");
  // A traced process may have mapped anything, or put a pipe where its file was.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return fail(path + ": " + std::strerror(errno));
  struct stat status{};
  const bool known = fstat(fd, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    if (known && read != nullptr) *read = file_id(status);
    close(fd);
    return fail(path + ": not a regular file");
  }
  Elf* elf = elf_begin(fd, ELF_C_READ, nullptr);  // reads what is asked for; mapping would count as ours
  if (elf != nullptr && read != nullptr) *read = file_id(status);
  if (elf == nullptr || elf_kind(elf) != ELF_K_ELF) {
    elf_end(elf);
    close(fd);
    return fail(path + ": not an ELF file");
  }
  return ElfFile(fd, elf, static_cast<std::uint64_t>(status.st_size));
}

ElfFile::ElfFile(ElfFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), elf_(std::exchange(other.elf_, nullptr)), bytes_(other.bytes_) {}

ElfFile& ElfFile::operator=(ElfFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(elf_, other.elf_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

ElfFile::~ElfFile() {
  elf_end(elf_);
  if (fd_ >= 0) close(fd_);
}

bool ElfFile::has_section(std::string_view name) const { return section(name).has_value(); }

std::vector<ElfSection> ElfFile::sections() const {
  std::vector<ElfSection> all;
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf_, &names) != 0) return all;
  for (Elf_Scn* section = elf_nextscn(elf_, nullptr); section != nullptr; section = elf_nextscn(elf_, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf_, names, header.sh_name);
    ElfSection found{name == nullptr ? "" : name, header.sh_addr, header.sh_offset, 0, header.sh_type};
    if (header.sh_type != SHT_NOBITS && header.sh_offset < bytes_)
      found.bytes = std::min<std::uint64_t>(header.sh_size, bytes_ - header.sh_offset);
    all.push_back(std::move(found));
  }
  return all;
}

std::optional<ElfSection> ElfFile::section(std::string_view name) const {
  for (auto& section : sections())
    if (section.name == name) return std::move(section);
  return std::nullopt;
}

bool ElfFile::is_x86_64() const {
  GElf_Ehdr header;
  return gelf_getehdr(elf_, &header) != nullptr && header.e_machine == EM_X86_64 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB;
}

bool ElfFile::position_independent() const {
  GElf_Ehdr header;
  return gelf_getehdr(elf_, &header) != nullptr && header.e_type == ET_DYN;
}

std::size_t ElfFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

std::optional<std::uint64_t> ElfFile::file_offset(std::uint64_t address) const {
  std::size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf_, static_cast<int>(i), &segment) == nullptr || segment.p_type != PT_LOAD) continue;
    if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) {
      return address - segment.p_vaddr + segment.p_offset;
    }
  }
  return std::nullopt;
}

namespace {

// Bit 15 of a version index marks a version that is not the default (name@VERSION instead of name@@VERSION).
bool hidden_version(Elf_Data* versions, int index) {
  constexpr GElf_Versym kHidden = 0x8000;
  GElf_Versym version = 0;
  return versions != nullptr && gelf_getversym(versions, index, &version) != nullptr && (version & kHidden) != 0;
}

struct DynamicSymbols {
  Elf_Data* symbols = nullptr;
  Elf_Data* versions = nullptr;
  std::size_t strings = 0;
  std::size_t count = 0;
};

DynamicSymbols find_dynamic_symbols(Elf* elf) {
  DynamicSymbols found;
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    if (header.sh_type == SHT_GNU_versym) found.versions = elf_getdata(section, nullptr);
    if (header.sh_type != SHT_DYNSYM || header.sh_entsize == 0) continue;
    found.symbols = elf_getdata(section, nullptr);
    found.strings = header.sh_link;
    found.count = header.sh_size / header.sh_entsize;
  }
  return found;
}

}  // namespace

std::optional<std::uint64_t> ElfFile::dynamic_function_offset(std::string_view name) const {
  const DynamicSymbols table = find_dynamic_symbols(elf_);
  if (table.symbols == nullptr) return std::nullopt;
  std::optional<std::uint64_t> offset;
  for (std::size_t i = 1; i < table.count; ++i) {
    GElf_Sym symbol;
    if (gelf_getsym(table.symbols, static_cast<int>(i), &symbol) == nullptr) break;
    if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
    const char* text = elf_strptr(elf_, table.strings, symbol.st_name);
    if (text == nullptr || text != name) continue;
    const bool hidden = hidden_version(table.versions, static_cast<int>(i));
    if (!offset || !hidden) offset = file_offset(symbol.st_value);
    if (!hidden) break;
  }
  return offset;
}

}  // namespace weft
