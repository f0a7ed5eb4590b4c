// SPDX-License-Identifier: Apache-2.0
// A small Go program as far as weft reads it, made by hand: ELF, build information, line table, the code of newproc and
// goexit1. No Go needed, and every byte of it can be made wrong.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::test {

struct FakeGo {
  std::string version = "go1.22.5";
  std::uint32_t magic = 0xfffffff1;
  bool text_in_header = true;  // else in .go.module, as since Go 1.26
  bool line_table = true;
  bool named_line_table = true;  // else somewhere in .data.rel.ro
  std::string buildinfo_magic = "\xff Go buildinf:";
  std::string modules;                                    // of the build information
  std::vector<std::pair<std::string, std::string>> more;  // functions: name and code, kFunction bytes at most
  bool with_runqput_call = true;
  std::string systemstack = "\x64\x48\x8b\x04\x25\xf8\xff\xff\xff\xc3";  // mov %fs:-8,%rax; ret

  static constexpr std::size_t kFunction = 0x40;
  static constexpr std::uint64_t kBase = 0x400000, kText = 0x401000;
  // Offsets in the file that the analysis has to find.
  static constexpr std::uint64_t kBorn = 0x1000 + 9, kEnds = 0x1000 + 0x40 + 6;
  static constexpr std::uint64_t kMore = 0x1000 + 0x100;  // the first of `more`, behind it the others

  std::string build() const {
    struct Section {
      std::string name, bytes;
      std::uint64_t offset = 0;
    };
    std::vector<Section> sections{{"", "", 0}, {".text", text(), 0}, {".go.buildinfo", buildinfo(), 0}};
    if (line_table)
      sections.push_back(named_line_table ? Section{".gopclntab", table(), 0}
                                          : Section{".data.rel.ro", std::string(64, '\1') + table(), 0});
    if (!text_in_header) {
      std::string module(592, '\0');
      put<std::uint64_t>(module, 176, kText);
      sections.push_back({".go.module", module, 0});
    }
    std::string names;
    std::vector<std::uint32_t> name_at;
    sections.push_back({".shstrtab", "", 0});
    for (const auto& section : sections) {
      name_at.push_back(static_cast<std::uint32_t>(names.size()));
      names += section.name + '\0';
    }
    sections.back().bytes = names;
    std::string file(0x1000, '\0');
    for (auto& section : sections) {
      if (section.name.empty()) continue;
      section.offset = file.size();
      file += section.bytes;
      file.resize((file.size() + 63) / 64 * 64, '\0');
    }
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_shoff = file.size();
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(sections.size());
    header.e_shstrndx = static_cast<Elf64_Half>(sections.size() - 1);
    const Elf64_Phdr segment{PT_LOAD, PF_R | PF_X, 0, kBase, kBase, file.size(), file.size(), 0x1000};
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, &segment, sizeof segment);
    for (std::size_t i = 0; i < sections.size(); ++i) {
      Elf64_Shdr section{};
      section.sh_name = name_at[i];
      if (i != 0) {
        section.sh_type = i + 1 == sections.size() ? SHT_STRTAB : SHT_PROGBITS;
        section.sh_offset = sections[i].offset;
        section.sh_size = sections[i].bytes.size();
        section.sh_addr = kBase + sections[i].offset;
        section.sh_addralign = 1;
      }
      file.append(reinterpret_cast<const char*>(&section), sizeof section);
    }
    return file;
  }

 private:
  template <typename T>
  static void put(std::string& bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }

  // newproc.func1 at 0, goexit1 at 0x40, runqput at 0x80, systemstack at 0xc0; kFunction bytes each.
  std::string text() const {
    std::string code((4 + more.size()) * kFunction, '\xcc');
    const std::string newproc = "\x49\x3b\x66\x10\x76\x10\x55\x90\x90";  // cmp; jbe; push %rbp; nop; nop
    const std::string goexit(std::string("\x49\x3b\x66\x10\x76\x10\x55\x48\x89\xe5\xc3", 11));
    code.replace(0, newproc.size(), newproc);
    code[9] = with_runqput_call ? '\xe8' : '\xe9';
    put<std::int32_t>(code, 10, 0x80 - 14);
    code[14] = '\xc3';
    code.replace(0x40, goexit.size(), goexit);
    code[0x80] = '\xc3';
    code.replace(0xc0, systemstack.size(), systemstack);
    for (std::size_t i = 0; i < more.size(); ++i)
      code.replace((4 + i) * kFunction, more[i].second.size(), more[i].second);
    return code;
  }

  std::string buildinfo() const {
    std::string bytes(32, '\0');
    bytes.replace(0, buildinfo_magic.size(), buildinfo_magic);
    bytes[14] = 8;
    bytes[15] = 2;
    bytes += static_cast<char>(version.size());
    return bytes + version + modules + std::string(16, '\0');
  }

  std::string table() const {
    std::vector<std::pair<std::string, std::uint32_t>> functions{{"runtime.newproc.func1", 0},
                                                                 {"runtime.goexit1", 0x40},
                                                                 {"runtime.runqput", 0x80},
                                                                 {"runtime.systemstack", 0xc0}};
    for (const auto& [name, code] : more) functions.emplace_back(name, functions.size() * kFunction);
    std::string names;
    std::vector<std::uint32_t> name_at;
    for (const auto& [name, entry] : functions) {
      name_at.push_back(static_cast<std::uint32_t>(names.size()));
      names += name + '\0';
    }
    names.resize((names.size() + 7) / 8 * 8, '\0');
    std::string entries(functions.size() * 8 + 8, '\0');
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const auto record = static_cast<std::uint32_t>(entries.size());
      put<std::uint32_t>(entries, i * 8, functions[i].second);
      put<std::uint32_t>(entries, i * 8 + 4, record);
      std::string fields(44, '\0');
      put<std::uint32_t>(fields, 0, functions[i].second);
      put<std::uint32_t>(fields, 4, name_at[i]);
      entries += fields;
    }
    put<std::uint32_t>(entries, functions.size() * 8, static_cast<std::uint32_t>(functions.size() * kFunction));
    std::string header(72, '\0');
    put<std::uint32_t>(header, 0, magic);
    header[6] = 1;
    header[7] = 8;
    const std::uint64_t fields[] = {functions.size(), 0, text_in_header ? kText : 0, 72, 72 + names.size(), 0, 0,
                                    72 + names.size()};
    std::memcpy(header.data() + 8, fields, sizeof fields);
    return header + names + entries;
  }
};

}  // namespace weft::test
