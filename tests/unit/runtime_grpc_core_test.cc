// SPDX-License-Identifier: Apache-2.0
// Where gRPC's C-core is probed, in the library of the system.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include "runtime/grpc_core.h"
#include "wire/grpc_core.h"

using namespace weft;

namespace {

std::array<unsigned char, 8> code_at(const std::string& path, std::uint64_t offset) {
  std::array<unsigned char, 8> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("gRPC core: names of its library") {
  for (const char* name : {"libgrpc.so.29", "libgrpc_unsecure.so.29", "libgrpc.so"}) CHECK(is_grpc_core_name(name));
  for (const char* name : {"libgpr.so.29", "grpc.so", "libgrpc", "cygrpc.cpython-311-x86_64-linux-gnu.so"})
    CHECK_FALSE(is_grpc_core_name(name));
}

TEST_CASE("gRPC core: found in a process that has loaded it, where a probe costs little") {
  GrpcCoreFinder finder;
  CHECK(finder.find(getpid()).core.empty());
  std::size_t loaded = 0;
  for (const char* name : {"libgrpc.so.29", "libgrpc_unsecure.so.29"}) {
    CAPTURE(name);
    void* const library = dlopen(name, RTLD_NOW);  // which stays: others may have begun to use it
    REQUIRE(library != nullptr);
    const auto found = finder.find(getpid()).core;
    REQUIRE(found.size() == ++loaded);
    for (const auto& [path, sites] : found) {
      CAPTURE(path);
      const auto same = [&](std::uint64_t offset, const char* function) {
        return std::memcmp(code_at(path, offset).data(), dlsym(library, function), 8) == 0;
      };
      CHECK(same(sites.batch, "grpc_call_start_batch"));
      CHECK(same(sites.unref, "grpc_call_unref"));
      CHECK(code_at(path, sites.headers)[0] == 0xe8);  // the call itself
      CHECK(sites.call_context == 0xa10);              // of 1.51
      CHECK(sites.endpoint > 0);
      REQUIRE(sites.served);
      CHECK(sites.served->elements == 0xec0);
      CHECK(sites.served->before == 0x10);
      CHECK(sites.served->stream_number > 0);
      const grpc_core_server_layout layout{.call_context = sites.call_context,
                                           .endpoint = sites.endpoint,
                                           .elements = sites.served->elements,
                                           .count = sites.served->before,
                                           .number = sites.served->stream_number};
      REQUIRE(grpc_core_server_layout_fits(&layout));
      const auto read = grpc_core_server_layout_of(grpc_core_server_cookie(GRPC_CORE_SERVES, &layout));
      CHECK(std::memcmp(&read, &layout, sizeof layout) == 0);
    }
    CHECK(finder.find(getpid()).core[0].sites.headers == found[0].sites.headers);  // from what it remembers
  }
}

TEST_CASE("grpc++: where its server gives a thread a call, on instructions that the kernel emulates") {
  GrpcCoreFinder finder;
  CHECK(finder.find(getpid()).servers.empty());
  REQUIRE(dlopen("libgrpc++.so.1.51", RTLD_NOW) != nullptr);  // which stays: others may have begun to use it
  const auto found = finder.find(getpid()).servers;
  REQUIRE(found.size() == 1);
  const auto& [path, sites] = found[0];
  const auto pushes = [&](std::uint64_t offset) {
    const auto code = code_at(path, offset);
    return (code[0] & 0xf8) == 0x50 || (code[0] == 0x41 && (code[1] & 0xf8) == 0x50);
  };
  CHECK(pushes(sites.serves));
  CHECK(pushes(sites.resumes));
  for (const auto leaves : sites.leaves) CHECK(pushes(leaves));
}
