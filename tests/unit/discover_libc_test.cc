// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <link.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "discover/language.h"
#include "runtime/elf_file.h"
#include "runtime/libc_ioctl.h"
#include "support/no_descriptors.h"
#include "unit/discover_child.h"

using namespace weft;
using namespace weft::test;

TEST_CASE("libc: which mapped files are C libraries") {
  for (const char* name : {"libc.so.6", "libc-2.31.so", "libc.musl-x86_64.so.1", "ld-musl-aarch64.so.1"}) {
    CHECK(is_libc_name(name));
  }
  for (const char* name : {"libcap.so.2", "libc++.so.1", "libcrypto.so.3", "ld-linux-x86-64.so.2", "libc-client.so"}) {
    CHECK_FALSE(is_libc_name(name));
  }
}

TEST_CASE("libc: the offset of ioctl is where this process's own ioctl lies in the file") {
  const pid_t self = getpid();
  LibcIoctlFinder finder;
  const IoctlSites sites = finder.find(self);
  REQUIRE(sites.outcome == IoctlSites::Outcome::found);
  REQUIRE(sites.sites.size() == 1);
  CHECK(finder.find(self).sites == sites.sites);  // now from what it remembers
  // The bytes at that place of the file are the code that dlsym leads to.
  const void* code = dlsym(RTLD_DEFAULT, "ioctl");
  REQUIRE(code != nullptr);
  std::ifstream file(sites.sites[0].path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(sites.sites[0].offset));
  std::array<char, 32> bytes{};
  REQUIRE(file.read(bytes.data(), bytes.size()));
  Dl_info info{};
  REQUIRE(dladdr(code, &info) != 0);
  if (std::string(info.dli_fname).find("libc.so.6") != std::string::npos) {  // not under a sanitizer's own ioctl
    CHECK(std::memcmp(bytes.data(), code, bytes.size()) == 0);
  } else {
    CHECK(ElfFile::open(sites.sites[0].path)->dynamic_function_offset("ioctl") == sites.sites[0].offset);
  }
}

TEST_CASE("libc: another process, through its own root") {
  Child child({"sleep", "600"});
  child.wait_for_executable("sleep");
  // The loader maps the library a moment after the exec.
  IoctlSites sites;
  LibcIoctlFinder finder;
  for (int i = 0; i < 2000 && sites.outcome != IoctlSites::Outcome::found; ++i) {
    sites = finder.find(child.pid());
    ::poll(nullptr, 0, 1);
  }
  REQUIRE(sites.outcome == IoctlSites::Outcome::found);
  CHECK(sites.sites[0].path.starts_with("/proc/" + std::to_string(child.pid()) + "/root/"));
  CHECK(sites.sites[0].offset > 0);
}

TEST_CASE("libc: no library, no process") {
  namespace fs = std::filesystem;
  std::string root = (fs::temp_directory_path() / "weft-maps-XXXXXX").string();
  REQUIRE(mkdtemp(root.data()) != nullptr);
  fs::create_directories(root + "/42");
  std::ofstream(root + "/42/maps") << "00400000-00500000 r-xp 00000000 08:01 12 /srv/static-server\n"
                                      "7f0000000000-7f0000001000 r--p 00000000 08:01 13 /usr/lib/libc.so.6\n"
                                      "7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]\n";
  LibcIoctlFinder finder(root);
  CHECK(finder.find(42).outcome == IoctlSites::Outcome::no_libc);
  CHECK(finder.find(42).explanation.starts_with("statically linked"));
  CHECK(finder.find(43).outcome == IoctlSites::Outcome::unreadable);
  // A library that is mapped but is no ELF file.
  fs::create_directories(root + "/42/root/lib");
  std::ofstream(root + "/42/root/lib/libc.so.6") << "not a library";
  std::ofstream(root + "/42/maps") << "7f00-7f10 r-xp 00000000 08:01 13 /lib/libc.so.6\n";
  CHECK(finder.find(42).outcome == IoctlSites::Outcome::no_symbol);
  // The real one, in the place where the process sees it.
  fs::remove(root + "/42/root/lib/libc.so.6");
  const IoctlSites own = LibcIoctlFinder().find(getpid());
  REQUIRE(own.outcome == IoctlSites::Outcome::found);
  fs::copy_file(fs::canonical(own.sites[0].path), root + "/42/root/lib/libc.so.6");
  const IoctlSites sites = finder.find(42);
  REQUIRE(sites.outcome == IoctlSites::Outcome::found);
  CHECK(sites.sites[0].path == root + "/42/root/lib/libc.so.6");
  CHECK(sites.sites[0].offset == own.sites[0].offset);
  fs::remove_all(root);
}

TEST_CASE("language: native programs by their sections") {
  LanguageGuesser guesser;
  CHECK(guesser.guess("/proc/self/exe", "/x/unit") == Language::cpp);
  CHECK(guesser.guess("/proc/self/exe", "/x/python3") == Language::python);  // the name says enough
  CHECK(guesser.guess("/etc/passwd", "/x/text") == Language::unknown);
  CHECK(guesser.guess("/nowhere", "/x/gone") == Language::unknown);
}

TEST_CASE("language: a program that could not be opened is read the next time") {
  LanguageGuesser guesser;
  {
    const NoDescriptors none;
    CHECK(guesser.guess("/proc/self/exe", "/x/unit") == Language::unknown);
  }
  CHECK(guesser.guess("/proc/self/exe", "/x/unit") == Language::cpp);
  const NoDescriptors none;
  CHECK(guesser.guess("/proc/self/exe", "/x/unit") == Language::cpp);  // what was read is remembered
}

TEST_CASE("language: a Go program has build information") {
  // A minimal ELF64 file with one named section; real toolchains write the same name.
  const auto elf_with_section = [](const std::string& name) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    const std::string names = std::string(1, '\0') + name + '\0' + ".shstrtab" + '\0';
    header.e_shoff = sizeof(header) + 128;
    std::array<Elf64_Shdr, 3> sections{};
    sections[1] = {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = sizeof(header), .sh_size = 1};
    sections[2] = {.sh_name = static_cast<Elf64_Word>(name.size() + 2),
                   .sh_type = SHT_STRTAB,
                   .sh_offset = sizeof(header),
                   .sh_size = names.size()};
    std::string padded = names;
    padded.resize(128);
    std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
    file += padded;
    file.append(reinterpret_cast<const char*>(sections.data()), sizeof(sections));
    return file;
  };
  const std::string path = (std::filesystem::temp_directory_path() / ("weft-elf-" + std::to_string(getpid()))).string();
  LanguageGuesser guesser;
  std::ofstream(path, std::ios::binary) << elf_with_section(".go.buildinfo");
  CHECK(guesser.guess(path, "/srv/orders") == Language::go);
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << elf_with_section(".note.buildid");
  CHECK(LanguageGuesser().guess(path, "/srv/orders") == Language::cpp);
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << elf_with_section("").substr(0, sizeof(Elf64_Ehdr));  // packed, or damaged
  CHECK(LanguageGuesser().guess(path, "/srv/orders") == Language::unknown);
  std::filesystem::remove(path);
}
