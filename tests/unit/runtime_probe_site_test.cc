// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "runtime/probe_site.h"
#include "support/fake_go.h"

using namespace weft;
using namespace std::string_view_literals;
using weft::test::FakeGo;

namespace {

// A program with a function of this code.
ElfFile program_with(std::string_view code) {
  const std::string bytes = FakeGo{.more = {{"main.f", std::string(code)}}}.build();
  const int fd = memfd_create("program", MFD_CLOEXEC);
  REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  auto file = ElfFile::open("/proc/self/fd/" + std::to_string(fd));
  close(fd);
  REQUIRE(file);
  return std::move(*file);
}

constexpr std::uint64_t kAddress = FakeGo::kBase + FakeGo::kMore;

// Where in a function of this code the probe of its entry is.
std::optional<std::uint64_t> entry_in(std::string_view code) {
  const auto site = entry_site(program_with(code), {kAddress, FakeGo::kFunction});
  if (!site) return std::nullopt;
  return *site - FakeGo::kMore;
}

// How far behind the beginning of a function of this code lies what it calls first.
std::optional<std::uint64_t> called_by(std::string_view code) {
  const auto callee = first_call(program_with(code), kAddress);
  if (!callee) return std::nullopt;
  return *callee - kAddress;
}

// Where the result of what a function of this code calls first is seen, and how far above the stack pointer then is.
std::optional<std::pair<std::uint64_t, std::uint32_t>> returned_in(std::string_view code) {
  const auto site = after_first_call(program_with(code), kAddress);
  if (!site) return std::nullopt;
  return std::pair(site->offset - FakeGo::kMore, site->above);
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

TEST_CASE("what a function calls first is on the way on which nothing jumps") {
  // sub $8,%rsp; test %edx,%edx; js; call +0x100
  CHECK(called_by("\x48\x83\xec\x08\x85\xd2\x78\x20\xe8\x00\x01\x00\x00\xc3"sv) == 13 + 0x100);
  CHECK_FALSE(called_by("\xe9\x00\x01\x00\x00\xe8\x00\x01\x00\x00\xc3"sv));  // jmp: what follows is another function
  CHECK_FALSE(called_by("\xc3\xe8\x00\x01\x00\x00\xc3"sv));                  // ret
  CHECK_FALSE(called_by("\x31\xf6\xe8\x00\x01\x00\x00\xc3"sv));              // xor %esi,%esi: another argument
  CHECK_FALSE(called_by("\xff\xd0\xe8\x00\x01\x00\x00\xc3"sv));              // call *%rax
  CHECK(begins_with_push(program_with("\x41\x55\x41\x54\xc3"sv), kAddress));
  CHECK(begins_with_push(program_with("\xf3\x0f\x1e\xfa\x55\xc3"sv), kAddress));  // endbr64; push %rbp
  CHECK_FALSE(begins_with_push(program_with("\x48\x83\xec\x08\x55\xc3"sv), kAddress));
}

TEST_CASE("what a call gave is seen at the next conditional jump, or where the caller returns") {
  using Site = std::pair<std::uint64_t, std::uint32_t>;
  // sub $0x18,%rsp; call; test %eax,%eax; jle; mov (%rsp),%eax; add $0x18,%rsp; ret
  CHECK(returned_in("\x48\x83\xec\x18\xe8\x00\x01\x00\x00\x85\xc0\x7e\x03\x8b\x04\x24\x48\x83\xc4\x18\xc3"sv) ==
        Site(11, 8));
  // sub $8,%rsp; call; xor %edx,%edx; test %eax,%eax; cmovs %edx,%eax; add $8,%rsp; ret
  CHECK(returned_in("\x48\x83\xec\x08\xe8\x00\x01\x00\x00\x31\xd2\x85\xc0\x0f\x48\xc2\x48\x83\xc4\x08\xc3"sv) ==
        Site(20, 16));
  // push %rbp; call; pop %rbp; ret
  CHECK(returned_in("\x55\xe8\x00\x01\x00\x00\x5d\xc3"sv) == Site(7, 16));
  CHECK_FALSE(returned_in("\xe8\x00\x01\x00\x00\x8b\x04\x24\xc3"sv));          // mov (%rsp),%eax: another value
  CHECK_FALSE(returned_in("\xe8\x00\x01\x00\x00\xc9\xc3"sv));                  // leave: a frame of unknown size
  CHECK_FALSE(returned_in("\xe8\x00\x01\x00\x00\xe8\x00\x01\x00\x00\xc3"sv));  // another call
  CHECK_FALSE(returned_in("\xe8\x00\x01\x00\x00\xe9\x00\x01\x00\x00\xc3"sv));  // another function
}

TEST_CASE("a function that ends in another one") {
  const auto away = [](std::string_view code) { return jumps_away(program_with(code), {kAddress, code.size()}); };
  CHECK_FALSE(away("\x85\xc0\x7e\x02\xeb\xfa\xc3"sv));  // test %eax,%eax; jle and jmp within; ret
  CHECK(away("\x85\xc0\x7e\x20\xc3"sv));                // jle beyond its end
  CHECK(away("\x85\xc0\xe9\x00\x01\x00\x00"sv));        // jmp
  CHECK(away("\xff\xe0\xc3"sv));                        // jmp *%rax
}
