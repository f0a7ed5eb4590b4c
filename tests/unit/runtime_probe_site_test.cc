// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "runtime/probe_site.h"
#include "support/fake_go.h"

using namespace weft;
using namespace std::string_view_literals;
using weft::test::FakeGo;

namespace {

// Where in a function of this code the probe of its entry is.
std::optional<std::uint64_t> entry_in(std::string_view code) {
  const std::string bytes = FakeGo{.more = {{"main.f", std::string(code)}}}.build();
  const int fd = memfd_create("program", MFD_CLOEXEC);
  REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  const auto file = ElfFile::open("/proc/self/fd/" + std::to_string(fd));
  close(fd);
  REQUIRE(file);
  const auto site = entry_site(*file, {FakeGo::kBase + FakeGo::kMore, FakeGo::kFunction});
  if (!site) return std::nullopt;
  return *site - FakeGo::kMore;
}

}  // namespace

TEST_CASE("the entry of a function is behind the check of its stack, or that check's jump") {
  // cmp 0x10(%r14),%rsp; jbe; push %rbp; mov %rsp,%rbp; sub $0x18,%rsp
  CHECK(entry_in("\x49\x3b\x66\x10\x76\x20\x55\x48\x89\xe5\x48\x83\xec\x18\xc3"sv) == 6);
  // lea -0x68(%rsp),%r12; cmp 0x10(%r14),%r12; jbe; push %rbp
  CHECK(entry_in("\x4c\x8d\x64\x24\x98\x4d\x3b\x66\x10\x0f\x86\x20\x00\x00\x00\x55\x48\x89\xe5\xc3"sv) == 15);
  // Go 1.20: …; jbe; sub $0xe8,%rsp; mov %rbp,0xe0(%rsp); later the push of another frame
  CHECK(entry_in(
            "\x4c\x8d\x64\x24\x98\x4d\x3b\x66\x10\x0f\x86\x20\x00\x00\x00\x48\x81\xec\xe8\x00\x00\x00\x55\xc3"sv) == 9);
  CHECK(entry_in("\x49\x3b\x66\x10\x76\x20\x48\x83\xec\x18\x55\xc3"sv) == 4);
}

TEST_CASE("where the flags do not say whether a function begins again, its entry has no place for a probe") {
  CHECK_FALSE(entry_in("\x55\x48\x89\xe5\xc3"sv));                              // no check: push %rbp
  CHECK_FALSE(entry_in("\x48\x83\xec\x18\xc3"sv));                              // … sub $0x18,%rsp
  CHECK_FALSE(entry_in("\x49\x3b\x66\x10\x75\x20\x55\x48\x89\xe5\xc3"sv));      // jne instead
  CHECK_FALSE(entry_in("\x90\x49\x3b\x66\x10\x76\x20\x55\x48\x89\xe5\xc3"sv));  // something before it
}
