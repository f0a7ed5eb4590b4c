// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/go_program.h"
#include "runtime/go_version.h"
#include "support/fake_go.h"
#include "support/no_descriptors.h"

using namespace weft;
using weft::test::FakeGo;

namespace {

// The analysis of these bytes as a file.
GoAnalysis analysis_of(const std::string& bytes) {
  const int fd = memfd_create("program", MFD_CLOEXEC);
  REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  GoAnalysis analysis = analyse_go_program("/proc/self/fd/" + std::to_string(fd));
  close(fd);
  return analysis;
}

std::string reason_of(const std::string& bytes) {
  const GoAnalysis analysis = analysis_of(bytes);
  const auto* none = std::get_if<NoGoProgram>(&analysis);
  return none == nullptr ? "it was taken for a Go program" : none->reason;
}

void check_found(const GoAnalysis& analysis) {
  const auto* program = std::get_if<GoProgram>(&analysis);
  REQUIRE(program != nullptr);
  CHECK(program->goroutine_born == FakeGo::kBorn);
  CHECK(program->goroutine_ends == FakeGo::kEnds);
  CHECK(program->first_address == FakeGo::kBase);
  CHECK_FALSE(program->http_round_trip);
  CHECK(program->tcp_write == 0);
}

}  // namespace

TEST_CASE("Go versions as .go.buildinfo writes them") {
  struct Case {
    const char* text;
    int minor;
    bool released;
  };
  for (const auto& [text, minor, released] :
       {Case{"go1.22.5", 22, true}, Case{"go1.20", 20, true}, Case{"go1.26rc1", 26, false},
        Case{"devel go1.27-3f8b2a1", 27, false}, Case{"go1.22.5 X:boringcrypto", 22, false},
        Case{"go1.23.4-vendor", 23, false}}) {
    const auto version = parse_go_version(text);
    REQUIRE_MESSAGE(version, text);
    CHECK(version->major == 1);
    CHECK(version->minor == minor);
    CHECK(version->released == released);
  }
  for (const char* text : {"", "unknown", "go", "go1", "go1.", "gox.y", "go1.x", "go1.22."})
    CHECK_MESSAGE(!parse_go_version(text), text);
}

TEST_CASE("modules that a Go program was built with") {
  const auto version = [](const std::string& modules) {
    const std::string bytes = FakeGo{.modules = modules}.build();
    const int fd = memfd_create("program", MFD_CLOEXEC);
    REQUIRE(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    const auto file = ElfFile::open("/proc/self/fd/" + std::to_string(fd));
    close(fd);
    REQUIRE(file);
    return read_go_module(*file, *file->section(".go.buildinfo"), "example.com/kafka").value_or("none");
  };
  const std::string before = "path\tmain\nmod\tmain\t(devel)\t\ndep\texample.com/kafka2\tv9.9.9\th1:x=\n";
  CHECK(version("") == "none");
  CHECK(version(before) == "none");
  CHECK(version(before + "dep\texample.com/kafka\tv0.4.51\th1:x=\ndep\tz\tv1.0.0\n") == "v0.4.51");
  CHECK(version(before + "dep\texample.com/kafka\tv0.4.51\n") == "v0.4.51");
  CHECK(version(before + "dep\texample.com/kafka\tv0.4.51\n=>\t../own\t(devel)\t\n") == "none");
  CHECK(version(before + "dep\texample.com/kafka\tv0.4.51-0.20240101000000-abcdefabcdef\th1:x=\n") == "none");
  CHECK(version(before + "dep\texample.com/kafka\tv0.4") == "none");
}

TEST_CASE("Go layouts: known for released versions only, never extrapolated") {
  const auto of = [](const char* text) { return known_go_layout(*parse_go_version(text)); };
  REQUIRE(of("go1.22.5"));
  CHECK(of("go1.22.5")->g_goid == 152);
  CHECK(of("go1.23.0")->g_goid == 160);
  CHECK(of("go1.26.0")->m_curg == 184);
  CHECK(of("go1.20.14")->g_parent_goid == kNoField);
  CHECK_FALSE(of("go1.19.13"));
  CHECK_FALSE(of("go1.999.0"));
  CHECK_FALSE(of("go1.22.5 X:boringcrypto"));
  CHECK(newest_go_layout().layout.complete());
}

TEST_CASE("a Go program: its functions and the places for probes, in every layout of the line table") {
  check_found(analysis_of(FakeGo{}.build()));
  check_found(analysis_of(FakeGo{.magic = 0xfffffff0}.build()));
  check_found(analysis_of(FakeGo{.version = "go1.26.0", .text_in_header = false}.build()));
  check_found(analysis_of(FakeGo{.named_line_table = false}.build()));
}

TEST_CASE("a Go program newer than the table is tried with the newest layout, and has to prove it") {
  const GoAnalysis analysis = analysis_of(FakeGo{.version = "go1.999.1"}.build());
  check_found(analysis);
  CHECK_FALSE(std::get<GoProgram>(analysis).proven);
  CHECK(std::get<GoProgram>(analysis).layout == newest_go_layout().layout);
  CHECK(std::get<GoProgram>(analysis_of(FakeGo{}.build())).proven);
}

TEST_CASE("handlers and senders of HTTP/2, where net/http has them before Go 1.27 and since") {
  const std::string handler("\x49\x3b\x66\x10\x76\x10\x55\xc3", 8);           // cmp; jbe; push %rbp; ret
  const std::string sends("\xe8\xbb\xff\xff\xff\xc3", 6), sender(1, '\xc3');  // call of the function before it
  const auto program = [&](const std::string& package, const std::string& prefix) {
    const std::string names = package + ".(*" + prefix;
    return std::get<GoProgram>(analysis_of(FakeGo{.more = {{names + "serverConn).runHandler", handler},
                                                           {names + "clientStream).doRequest", sender},
                                                           {names + "ClientConn).roundTrip.gowrap1", sends}}}
                                               .build()));
  };
  const std::uint64_t address = FakeGo::kBase + FakeGo::kMore + 2 * FakeGo::kFunction;
  for (const auto& [package, prefix] : {std::pair{"net/http", "http2"}, std::pair{"golang.org/x/net/http2", ""}}) {
    const GoProgram found = program(package, prefix);
    CHECK(found.http2_run_handler == std::vector<std::uint64_t>{FakeGo::kMore + 6});
    CHECK_FALSE(found.http2_internal_handler);
    CHECK(found.sender_goroutines == std::vector{address});
  }
  const GoProgram found = program("net/http/internal/http2", "");
  CHECK(found.http2_run_handler.empty());
  CHECK(found.http2_internal_handler == FakeGo::kMore + 6);
  CHECK(found.sender_goroutines == std::vector{address});
}

TEST_CASE("where a thread of a Go program keeps its running goroutine, beside what C libraries keep there") {
  const auto place = [](std::string_view systemstack) {
    return std::get<GoProgram>(analysis_of(FakeGo{.systemstack = std::string(systemstack)}.build())).running_g;
  };
  using namespace std::string_view_literals;
  CHECK(place("\x64\x48\x8b\x04\x25\xf8\xff\xff\xff\xc3"sv) == -8);
  // mov 0x10(%rsp),%rdi; mov %fs:-0x13a0,%rax; mov %fs:-8,%rcx
  CHECK(place("\x48\x8b\x7c\x24\x10\x64\x48\x8b\x04\x25\x60\xec\xff\xff\x64\x48\x8b\x0c\x25\xf8\xff\xff\xff\xc3"sv) ==
        -0x13a0);
  // mov $-0x13a0,%rcx; mov %fs:(%rcx),%rax
  CHECK(place("\x48\xc7\xc1\x60\xec\xff\xff\x64\x48\x8b\x01\xc3"sv) == -0x13a0);
  // As elsewhere where that is not clear: lea (%rax),%rcx before it, an odd place, one above, a call before.
  CHECK(place("\x48\xc7\xc1\x60\xec\xff\xff\x48\x8d\x08\x64\x48\x8b\x01\xc3"sv) == -8);
  CHECK(place("\x64\x48\x8b\x04\x25\x61\xec\xff\xff\xc3"sv) == -8);
  CHECK(place("\x64\x48\x8b\x04\x25\x10\x00\x00\x00\xc3"sv) == -8);
  CHECK(place("\xe8\x00\x00\x00\x00\x64\x48\x8b\x04\x25\x60\xec\xff\xff\xc3"sv) == -8);
}

TEST_CASE("what is no Go program that can be followed, and why") {
  CHECK(reason_of("#!/bin/sh\n").ends_with("not an ELF file"));
  CHECK(reason_of("").ends_with("not an ELF file"));
  CHECK(reason_of(FakeGo{.buildinfo_magic = "\xff something el"}.build()) == "its .go.buildinfo is not what Go writes");
  CHECK(reason_of(FakeGo{.version = "unknown"}.build()) ==
        "it does not say which Go it was built by, and has no debugging information");
  CHECK(reason_of(FakeGo{.version = "go1.17.2"}.build()) ==
        "go1.17.2 is not known, and it has no debugging information");
  CHECK(reason_of(FakeGo{.line_table = false}.build()) == "it has no Go line table");
  CHECK(reason_of(FakeGo{.magic = 0xfffffffa}.build()) == "its line table is not one of Go 1.18 or newer");
  CHECK(reason_of(FakeGo{.with_runqput_call = false}.build()) ==
        "its runtime has no place for a probe in newproc or goexit1");
  const GoAnalysis own = analyse_go_program("/proc/self/exe");
  CHECK(std::get<NoGoProgram>(own).kind == NoGoProgram::Kind::other);
}

TEST_CASE("an executable that is packed or damaged may be anything, and it is said why") {
  const auto hidden = [](std::string bytes, const char* mark, std::size_t at) {
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes.replace(at, std::strlen(mark), mark);
  };
  const std::string whole = FakeGo{}.build();
  const std::string packed = hidden(whole, "UPX!", 0x100), marked_behind = hidden(whole, "UPX!", whole.size() - 36);
  for (const auto& bytes : {packed, marked_behind}) CHECK(reason_of(bytes) == "it is packed (UPX)");
  CHECK(reason_of(hidden(whole, "", 0x100)) == "its file has no sections: it is packed, or damaged");
  std::string nameless = whole;
  nameless[offsetof(Elf64_Ehdr, e_shstrndx)] = 1;  // names of sections out of the code
  nameless.replace(0x1000, 0x100, 0x100, '\0');
  CHECK(reason_of(nameless) == "its file has no sections: it is packed, or damaged");
  const GoAnalysis analysis = analysis_of(packed);
  CHECK(std::get<NoGoProgram>(analysis).kind == NoGoProgram::Kind::hidden);
  check_found(analysis_of(std::string(whole).replace(0x100, 4, "UPX!")));  // the mark alone says nothing
}

TEST_CASE("a Go program that is cut off anywhere is refused or found whole") {
  const std::string whole = FakeGo{}.build();
  for (std::size_t bytes = 0; bytes < whole.size(); bytes += 7) {
    const GoAnalysis analysis = analysis_of(whole.substr(0, bytes));
    if (std::holds_alternative<GoProgram>(analysis)) check_found(analysis);
  }
}

TEST_CASE("running processes: this one is no Go program, and one that is not there is none either") {
  GoProgramFinder finder;
  CHECK(std::holds_alternative<NoGoProgram>(finder.find(getpid()).analysis));
  CHECK(std::holds_alternative<NoGoProgram>(finder.find(getpid()).analysis));  // now from what it remembers
  CHECK(std::holds_alternative<NoGoProgram>(finder.find(0x7ffffff0).analysis));
}

TEST_CASE("a program that could not be opened is read the next time") {
  namespace fs = std::filesystem;
  std::string root = (fs::temp_directory_path() / "weft-exe-XXXXXX").string();
  REQUIRE(mkdtemp(root.data()) != nullptr);
  fs::create_directories(root + "/42");
  std::ofstream(root + "/42/exe", std::ios::binary) << FakeGo{}.build();
  GoProgramFinder finder(root);
  {
    const test::NoDescriptors none;
    CHECK(std::holds_alternative<NoGoProgram>(finder.find(42).analysis));
  }
  check_found(finder.find(42).analysis);
  {
    const test::NoDescriptors none;
    check_found(finder.find(42).analysis);  // what was read is remembered
  }
  fs::remove_all(root);
}
