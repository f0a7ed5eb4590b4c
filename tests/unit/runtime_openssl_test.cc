// SPDX-License-Identifier: Apache-2.0
// Where OpenSSL is probed, in the library of the system.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/openssl.h"

using namespace weft;

namespace {

std::array<unsigned char, 16> code_at(const std::string& path, std::uint64_t offset) {
  std::array<unsigned char, 16> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  return bytes;
}

bool is_push(const std::array<unsigned char, 16>& code) {
  const bool extended = code[0] == 0x41;
  return code[extended] >= 0x50 && code[extended] <= 0x57;
}

}  // namespace

TEST_CASE("openssl: names of its library, also of those that came with a package") {
  for (const char* name : {"libssl.so.3", "libssl.so.1.1", "libssl-3e69114b.so.1.1", "libssl.so"})
    CHECK(is_openssl_name(name));
  for (const char* name : {"libcrypto.so.3", "ssl.so", "libssh.so.4", "libssl", "_ssl.cpython-311-x86_64-linux-gnu.so"})
    CHECK_FALSE(is_openssl_name(name));
}

TEST_CASE("openssl: found in a process that has loaded it, reads and writes in what both forms of them call") {
  OpensslFinder finder;
  void* const library = dlopen("libssl.so.3", RTLD_NOW);
  REQUIRE(library != nullptr);
  const auto found = finder.find(getpid());
  REQUIRE(found.size() == 1);
  const auto site = [&](OpensslFunction function) {
    return std::ranges::find(found[0].sites, function, &OpensslSite::function);
  };
  const auto end = found[0].sites.end();
  const std::pair<OpensslFunction, const char*> named[] = {
      {OpensslFunction::set_connect_state, "SSL_set_connect_state"},
      {OpensslFunction::set_accept_state, "SSL_set_accept_state"},
      {OpensslFunction::clear, "SSL_clear"},
      {OpensslFunction::free, "SSL_free"},
      {OpensslFunction::sendfile, "SSL_sendfile"},
      {OpensslFunction::do_handshake, "SSL_do_handshake"}};
  for (const auto& [function, name] : named) {
    CAPTURE(name);
    REQUIRE(site(function) != end);
    CHECK(std::memcmp(code_at(found[0].path, site(function)->offset).data(), dlsym(library, name), 16) == 0);
  }
  // Debian's release has SSL_read_ex, and a function below it and SSL_read, and so with those that write.
  CHECK(site(OpensslFunction::read) == end);
  CHECK(site(OpensslFunction::write) == end);
  using Named = std::pair<OpensslFunction, std::array<const char*, 2>>;
  for (const auto& [function, names] : {Named{OpensslFunction::read_ex, {"SSL_read", "SSL_read_ex"}},
                                        Named{OpensslFunction::write_ex, {"SSL_write", "SSL_write_ex"}}}) {
    CAPTURE(names[0]);
    std::vector<OpensslSite> sites;
    std::ranges::copy_if(found[0].sites, std::back_inserter(sites),
                         [&](const auto& one) { return one.function == function; });
    REQUIRE(sites.size() == 3);
    CHECK_FALSE(sites[0].above);
    CHECK(is_push(code_at(found[0].path, sites[0].offset)));
    CHECK(sites[1].above == 8);  // jle
    CHECK(code_at(found[0].path, sites[1].offset)[0] == 0x7e);
    CHECK(sites[2].above == 16);
    CHECK(code_at(found[0].path, sites[2].offset)[0] == 0xc3);
  }
  CHECK(finder.find(getpid())[0].sites == found[0].sites);  // now from what it remembers
  dlclose(library);
}

TEST_CASE("openssl: in a program itself, up to the end of each function, where it returns") {
  const std::string program = WEFT_OPENSSL_INSIDE;
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("weft-openssl-" + std::to_string(getpid()));
  std::filesystem::create_directories(root / "7");
  std::filesystem::create_symlink(program, root / "7/exe");
  std::filesystem::create_symlink("/", root / "7/root");
  std::ofstream(root / "7/maps") << "1000-2000 r-xp 00000000 00:00 0 " << program << '\n';
  OpensslFinder finder(root);
  const auto found = finder.find(7);
  std::filesystem::remove_all(root);
  REQUIRE(found.size() == 1);
  for (const auto function : {OpensslFunction::read, OpensslFunction::write}) {
    std::vector<OpensslSite> sites;
    std::ranges::copy_if(found[0].sites, std::back_inserter(sites),
                         [&](const auto& one) { return one.function == function; });
    REQUIRE(sites.size() >= 2);
    CHECK_FALSE(sites[0].above);
    for (const auto& site : std::span(sites).subspan(1)) {
      CHECK(site.above == 0);
      CHECK(code_at(program, site.offset)[0] == 0xc3);
    }
  }
}
