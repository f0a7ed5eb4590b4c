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
    const auto offset = file->file_offset(found.at(name).address);
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
  REQUIRE(found[0].sites.produce.size() == 4);
  REQUIRE(found[0].sites.consume.size() == 9);
  constexpr std::array names = {"rd_kafka_produce",
                                "rd_kafka_producev",
                                "rd_kafka_produceva",
                                "rd_kafka_produce_batch",
                                "rd_kafka_consumer_poll",
                                "rd_kafka_consume",
                                "rd_kafka_consume_queue",
                                "rd_kafka_consume_batch",
                                "rd_kafka_consume_batch_queue",
                                "rd_kafka_consume_callback",
                                "rd_kafka_consume_callback_queue",
                                "rd_kafka_consume_stop",
                                "rd_kafka_consumer_close"};
  auto sites = found[0].sites.produce;
  sites.insert(sites.end(), found[0].sites.consume.begin(), found[0].sites.consume.end());
  for (const auto& site : sites) {
    const auto* code = static_cast<const unsigned char*>(dlsym(library, names[static_cast<std::size_t>(site.call)]));
    REQUIRE(code != nullptr);
    constexpr unsigned char mark[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (std::memcmp(code, mark, sizeof mark) == 0) code += sizeof mark;
    CHECK(std::memcmp(bytes_at(found[0].path, site.offset).data(), code, 8) == 0);
  }
  const auto again = finder.find(getpid());  // now from what it remembers
  CHECK(again[0].sites.consume == found[0].sites.consume);
  CHECK(again[0].sites.layout == found[0].sites.layout);
  dlclose(library);
}

namespace {

std::vector<std::byte> code(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  return bytes;
}

// mov 0x68(%rdi),%rax; test; je; mov 0x58(%rdi),%eax; mov 0x78(%rdi),%eax; mov 0x80(%rdi),%rdi; movslq %eax,%rsi; call
constexpr std::string_view headers_code = "488b47684885c074308b47588b4778488bbf800000004863f0e800000000";
// cmpl $0x544b524c,(%rdi); jne +8; mov 0x18(%rdi),%rax; ret; nopl; mov 0x58(%rdi),%rax; mov 0x8(%rax),%rax; ret
constexpr std::string_view name_code = "813f4c524b547508488b4718c30f1f00488b4758488b4008c3";

std::string changed(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  result.replace(result.find(from), from.size(), to);
  return result;
}

}  // namespace

TEST_CASE("librdkafka: the layout of what is no interface, in the code") {
  const RdkafkaLayout known{.headers = 0x78, .topic = 0x58, .name = 8};
  CHECK(rdkafka_layout(code(headers_code), code(name_code)) == known);
  const auto moved = rdkafka_layout(code(changed(changed(headers_code, "8b4778", "8b4770"), "bf80", "bf78")),
                                    code(changed(name_code, "488b4758", "488b4760")));
  CHECK(moved == RdkafkaLayout{.headers = 0x70, .topic = 0x60, .name = 8});
}

TEST_CASE("librdkafka: no layout where the code leaves a doubt") {
  const auto none = [](std::string_view headers, std::string_view name) {
    return !rdkafka_layout(code(headers), code(name));
  };
  CHECK(none("", name_code));
  CHECK(none(headers_code, ""));
  CHECK(none(changed(headers_code, "8b4778", "8b4774"), name_code));      // no such pair
  CHECK(none(changed(headers_code, "8b4758", "8b4760"), name_code));      // two pairs
  CHECK(none("8b4778488bbf800000004863f0e800000000", name_code));         // parsed headers are not looked at before
  CHECK(none(changed(headers_code, "e8", "90"), name_code));              // calls nobody
  CHECK(none(headers_code, changed(name_code, "488b4008", "488b4108")));  // from another register
  CHECK(none(headers_code, "488b4758e800000000488b4008c3"));              // a call between them
}

TEST_CASE("librdkafka: the installed library has a layout") {
  void* const library = dlopen("librdkafka.so.1", RTLD_NOW);
  REQUIRE(library != nullptr);
  const auto found = LibrdkafkaFinder().find(getpid());
  REQUIRE(found.size() == 1);
  CHECK(found[0].sites.layout.has_value());
  dlclose(library);
}

TEST_CASE("librdkafka: no such process") { CHECK(LibrdkafkaFinder().find(-1).empty()); }
