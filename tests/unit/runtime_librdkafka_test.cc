// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>

#include "runtime/elf_symbols.h"
#include "runtime/librdkafka.h"

using namespace weft;

extern "C" {
// Functions of this program, known to debuggers alone.
__attribute__((noinline, used)) static int unit_runtime_produce(int i) { return i + 1; }
__attribute__((noinline, used)) static int again_unit_runtime_produce(int i) { return i + 2; }
}

namespace {

std::array<char, 8> bytes_at(const std::string& path, std::uint64_t offset) {
  std::array<char, 8> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("functions by name, one being the end of another's, from the symbols for debuggers") {
  const auto file = ElfFile::open("/proc/self/exe");
  REQUIRE(file);
  constexpr std::array<std::string_view, 3> names = {"unit_runtime_produce", "again_unit_runtime_produce",
                                                     "unit_runtime_absent"};
  const auto found = find_functions(*file, names);
  REQUIRE(found.size() == 2);
  const auto check = [&](const char* name, int (*function)(int)) {
    const auto offset = file->file_offset(found.at(name));
    REQUIRE(offset);
    CHECK(std::memcmp(bytes_at("/proc/self/exe", *offset).data(), reinterpret_cast<const void*>(function), 8) == 0);
  };
  check("unit_runtime_produce", unit_runtime_produce);
  check("again_unit_runtime_produce", again_unit_runtime_produce);
}

TEST_CASE("librdkafka: found once the process has loaded it, with all its functions that produce") {
  LibrdkafkaFinder finder;
  CHECK(finder.find(getpid()).empty());
  void* const library = dlopen("librdkafka.so.1", RTLD_NOW);
  REQUIRE(library != nullptr);
  const auto found = finder.find(getpid());
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].sites.size() == 4);
  constexpr std::array names = {"rd_kafka_produce", "rd_kafka_producev", "rd_kafka_produceva",
                                "rd_kafka_produce_batch"};
  for (const auto& site : found[0].sites) {
    const auto* code = static_cast<const unsigned char*>(dlsym(library, names[static_cast<std::size_t>(site.call)]));
    REQUIRE(code != nullptr);
    constexpr unsigned char mark[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (std::memcmp(code, mark, sizeof mark) == 0) code += sizeof mark;
    CHECK(std::memcmp(bytes_at(found[0].path, site.offset).data(), code, 8) == 0);
  }
  CHECK(finder.find(getpid())[0].sites == found[0].sites);  // now from what it remembers
  dlclose(library);
}

TEST_CASE("librdkafka: no such process") { CHECK(LibrdkafkaFinder().find(-1).empty()); }
