// SPDX-License-Identifier: Apache-2.0
#include "runtime/go_program.h"

#include <elf.h>
#include <gelf.h>
#include <malloc.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <span>
#include <string_view>

#include "runtime/go_functions.h"
#include "runtime/go_version.h"
#include "runtime/packed.h"
#include "runtime/probe_site.h"

namespace weft {
namespace {

constexpr std::size_t kMostServiceGoroutines = 64;

constexpr std::string_view kNewproc = "runtime.newproc.func1", kRunqput = "runtime.runqput",
                           kGoexit = "runtime.goexit1", kRoundTrip = "net/http.(*persistConn).roundTrip",
                           kTcpWrite = "net.(*TCPConn).Write", kTlsClient = "crypto/tls.(*Conn).clientHandshake",
                           kTlsServer = "crypto/tls.(*Conn).serverHandshake", kTlsWrite = "crypto/tls.(*Conn).Write",
                           kTlsRead = "crypto/tls.(*Conn).Read", kMemmove = "runtime.memmove",
                           kSystemstack = "runtime.systemstack";
constexpr std::string_view kGrpcNewStream = "google.golang.org/grpc/internal/transport.(*http2Client).NewStream",
                           kGrpcPut = "google.golang.org/grpc/internal/transport.(*controlBuffer).executeAndPut",
                           kGrpcWrite = "google.golang.org/grpc/internal/transport.(*loopyWriter).writeHeader",
                           kGrpcOriginate = "google.golang.org/grpc/internal/transport.(*loopyWriter).originateStream",
                           kGrpcClientHeaders =
                               "google.golang.org/grpc/internal/transport.(*loopyWriter).clientHeaderHandler",
                           kGrpcRead = "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders",
                           kGrpcHandle = "google.golang.org/grpc.(*Server).handleStream",
                           kH2cWrite = "golang.org/x/net/http2/h2c.(*bufConn).Write";
// HTTP/2 as it comes with net/http, before and since Go 1.27, and by itself.
constexpr std::array<std::string_view, 2> kRunHandlers{"net/http.(*http2serverConn).runHandler",
                                                       "golang.org/x/net/http2.(*serverConn).runHandler"};
constexpr std::string_view kInternalHandler = "net/http/internal/http2.(*serverConn).runHandler";
constexpr std::array<std::string_view, 3> kDoRequests{"net/http.(*http2clientStream).doRequest",
                                                      "net/http/internal/http2.(*clientStream).doRequest",
                                                      "golang.org/x/net/http2.(*clientStream).doRequest"};
constexpr std::array kFunctionNames{
    kNewproc,           kRunqput,       kGoexit,        kRoundTrip,      kTcpWrite,
    kTlsClient,         kTlsServer,     kTlsWrite,      kTlsRead,        kMemmove,
    kSystemstack,       kGrpcNewStream, kGrpcPut,       kGrpcWrite,      kGrpcOriginate,
    kGrpcClientHeaders, kGrpcRead,      kGrpcHandle,    kRunHandlers[0], kRunHandlers[1],
    kInternalHandler,   kDoRequests[0], kDoRequests[1], kDoRequests[2],  kH2cWrite};

// Goroutines of a connection serve whoever comes: readers and writers of net/http and of HTTP/2.
constexpr std::array<std::string_view, 11> kServicePrefixes{
    "net/http.(*connReader).startBackgroundRead.",
    "net/http.(*Transport).dialConn.",
    "net/http.(*Transport).queueForDial.",
    "net/http.(*Transport).startDialConnForLocked.",
    "net/http.(*http2Transport).newClientConn.",
    "net/http.(*http2clientConnPool).",
    "net/http/internal/http2.(*Transport).newClientConn.",
    "net/http/internal/http2.(*clientConnPool).",
    "golang.org/x/net/http2.(*Transport).newClientConn.",
    "google.golang.org/grpc/internal/transport.newHTTP2Client.",
    "google.golang.org/grpc/internal/transport.NewHTTP2Client."};

// What go statements in these functions start: it sends the request that the function was called with …
constexpr std::array<std::string_view, 3> kSenderPrefixes{
    "net/http.(*http2ClientConn).", "net/http/internal/http2.(*ClientConn).", "golang.org/x/net/http2.(*ClientConn)."};
// … and handles the request that was read.
constexpr std::array<std::string_view, 1> kHandlerPrefixes{"google.golang.org/grpc.(*Server).serveStreams."};

constexpr auto kPrefixes = [] {
  std::array<std::string_view, kServicePrefixes.size() + kSenderPrefixes.size() + kHandlerPrefixes.size()> all;
  auto* to = std::ranges::copy(kServicePrefixes, all.begin()).out;
  to = std::ranges::copy(kSenderPrefixes, to).out;
  std::ranges::copy(kHandlerPrefixes, to);
  return all;
}();

std::optional<GElf_Phdr> first_segment(const ElfFile& file, std::uint32_t type) {
  std::size_t count = 0;
  if (elf_getphdrnum(file.elf(), &count) != 0) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(file.elf(), static_cast<int>(i), &segment) != nullptr && segment.p_type == type) return segment;
  }
  return std::nullopt;
}

// Otherwise than the code says: in the last word of the thread's storage, for certain when it has only that one.
bool goroutine_has_the_thread_storage(const ElfFile& file) {
  const auto storage = first_segment(file, PT_TLS);
  return !storage || storage->p_memsz == sizeof(std::uint64_t);
}

// The layout, and whether it is beyond doubt.
Result<std::pair<GoLayout, bool>> layout_of(const ElfFile& file, const std::string& version) {
  const auto parsed = parse_go_version(version);
  if (parsed)
    if (const auto known = known_go_layout(*parsed)) return std::pair(*known, true);
  if (const auto dwarf = go_layout_from_dwarf(file)) return std::pair(*dwarf, true);
  if (!parsed) return fail("it does not say which Go it was built by, and has no debugging information");
  const NewestGo newest = newest_go_layout();
  if (parsed->major != 1 || parsed->minor < newest.version.minor)
    return fail(version + " is not known, and it has no debugging information");
  return std::pair(newest.layout, false);
}

bool begins_with_any(std::string_view name, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// Those that call one of `callees`, of the functions whose name begins with one of `prefixes`.
std::vector<std::uint64_t> callers(const ElfFile& file, const GoFunctions& functions,
                                   std::span<const std::string_view> prefixes,
                                   std::span<const std::string_view> callees) {
  std::vector<std::uint64_t> found;
  for (const auto& [name, caller] : functions) {
    if (!begins_with_any(name, prefixes)) continue;
    const bool calls = std::ranges::any_of(callees, [&](auto callee) {
      const auto function = function_of(functions, callee);
      return function && call_site(file, caller, function->address);
    });
    if (calls && found.size() < kMostServiceGoroutines) found.push_back(caller.address);
  }
  return found;
}

// Where a client writes the headers of a request: a server's answers pass through the same function, two for each, and
// need no trap. Where that place is not found, all of them do.
std::optional<std::uint64_t> grpc_write_site(const ElfFile& file, const GoFunctions& functions,
                                             const CodeRange& write) {
  for (const auto name : {kGrpcOriginate, kGrpcClientHeaders})
    if (const auto client = function_of(functions, name))
      if (const auto site = call_site(file, *client, write.address)) return site;
  return entry_site(file, write);
}

void find_http2(const ElfFile& file, const GoFunctions& functions, GoProgram& program) {
  for (const auto name : kRunHandlers)
    if (const auto handler = function_of(functions, name))
      if (const auto site = entry_site(file, *handler)) program.http2_run_handler.push_back(*site);
  if (const auto handler = function_of(functions, kInternalHandler))
    program.http2_internal_handler = entry_site(file, *handler);
  program.sender_goroutines = callers(file, functions, kSenderPrefixes, kDoRequests);
  const auto new_stream = function_of(functions, kGrpcNewStream), put = function_of(functions, kGrpcPut),
             write = function_of(functions, kGrpcWrite), read = function_of(functions, kGrpcRead);
  if (new_stream && put && write) {
    const auto at_put = call_site(file, *new_stream, put->address), at_write = grpc_write_site(file, functions, *write);
    if (at_put && at_write) program.grpc_client = {.new_stream = *at_put, .write_header = *at_write};
  }
  program.handler_goroutines = callers(file, functions, kHandlerPrefixes, std::span(&kGrpcHandle, 1));
  if (read && !program.handler_goroutines.empty()) program.grpc_operate_headers = entry_site(file, *read);
}

std::optional<GoProgram::Tls> tls_of(const ElfFile& file, const GoFunctions& functions) {
  const auto function = [&](std::string_view name) { return function_of(functions, name); };
  const auto read = function(kTlsRead), write = function(kTlsWrite), move = function(kMemmove);
  if (!read || !write || !move) return std::nullopt;
  const auto at_read = call_site(file, *read, move->address), at_write = entry_site(file, *write);
  const auto slot = first_argument_slot(file, *read);
  if (!at_read || !at_write || !slot) return std::nullopt;
  GoProgram::Tls tls;
  tls.read = *at_read;
  tls.read_conn = *slot;
  tls.write = *at_write;
  tls.write_address = write->address;
  if (const auto client = function(kTlsClient)) tls.client_handshake = entry_site(file, *client);
  if (const auto server = function(kTlsServer)) tls.server_handshake = entry_site(file, *server);
  return tls;
}

Result<GoProgram> analyse(const ElfFile& file, const ElfSection& buildinfo) {
  if (!file.is_x86_64()) return fail("only x86-64 programs can be followed");
  const auto version = read_go_version(file, buildinfo);
  if (!version) return std::unexpected(version.error());
  const auto layout = layout_of(file, *version);
  if (!layout) return std::unexpected(layout.error());
  std::vector<std::string_view> names(kFunctionNames.begin(), kFunctionNames.end());
  const auto kafka_names = go_kafka_names();
  names.insert(names.end(), kafka_names.begin(), kafka_names.end());
  const auto functions = find_go_functions(file, names, kPrefixes);
  if (!functions) return std::unexpected(functions.error());
  GoProgram program;
  program.version = *version;
  std::tie(program.layout, program.proven) = *layout;
  program.position_independent = file.position_independent();
  if (const auto first = first_segment(file, PT_LOAD)) program.first_address = first->p_vaddr & ~std::uint64_t{0xfff};
  const auto function = [&](std::string_view name) { return function_of(*functions, name); };
  const CodeRange* switches = function(kSystemstack);
  if (const auto place = switches ? thread_word(file, *switches) : std::nullopt)
    program.running_g = *place;
  else
    program.proven = program.proven && goroutine_has_the_thread_storage(file);
  const CodeRange *newproc = function(kNewproc), *runqput = function(kRunqput), *goexit = function(kGoexit);
  if (!newproc || !runqput || !goexit) return fail("its runtime lacks newproc, runqput or goexit1");
  const auto born = call_site(file, *newproc, runqput->address), ends = entry_site(file, *goexit);
  if (!born || !ends) return fail("its runtime has no place for a probe in newproc or goexit1");
  program.goroutine_born = *born;
  program.goroutine_ends = *ends;
  const CodeRange* round_trip = function(kRoundTrip);
  if (round_trip && program.layout.persist_conn_conn != kNoField)
    program.http_round_trip = entry_site(file, *round_trip);
  program.tls = tls_of(file, *functions);
  find_http2(file, *functions, program);
  program.kafka = find_go_kafka(file, buildinfo, *functions);
  if (const CodeRange* write = function(kTcpWrite)) program.tcp_write = write->address;
  if (const CodeRange* write = function(kH2cWrite)) program.h2c_write = write->address;
  for (const auto& [name, found] : *functions) {
    if (begins_with_any(name, kServicePrefixes) && program.service_goroutines.size() < kMostServiceGoroutines)
      program.service_goroutines.push_back(found.address);
  }
  return program;
}

GoAnalysis analysis_of(const Result<ElfFile>& file) {
  using Kind = NoGoProgram::Kind;
  if (!file) return NoGoProgram{Kind::other, file.error().message};
  if (const auto hidden = hidden_by(*file)) return NoGoProgram{Kind::hidden, *hidden};
  const auto buildinfo = file->section(".go.buildinfo");
  if (!buildinfo) return NoGoProgram{Kind::other, "not a Go program"};
  auto program = analyse(*file, *buildinfo);
  if (!program) return NoGoProgram{Kind::go, program.error().message};
  return std::move(*program);
}

}  // namespace

GoAnalysis analyse_go_program(const std::string& path) { return analysis_of(ElfFile::open(path)); }

GoProgramFinder::Found GoProgramFinder::find(pid_t pid) {
  const std::string process = proc_root_ + '/' + std::to_string(pid);
  Found found;
  found.path = process + "/exe";
  found.file = file_id(found.path);
  found.analysis = known_.of(found.path, [](const Result<ElfFile>& file) {
    GoAnalysis analysis = analysis_of(file);
    ::malloc_trim(0);  // debugging information takes much more than what is kept of it
    return analysis;
  });
  const auto* program = std::get_if<GoProgram>(&found.analysis);
  if (!program || !program->position_independent) return found;
  // The first mapping of the file itself: "55d0-55d1 r--p 00000000 08:01 1234 /path".
  struct stat status{};
  std::ifstream maps(process + "/maps");
  if (stat(found.path.c_str(), &status) == 0)
    for (std::string line; std::getline(maps, line);) {
      const std::size_t fields[] = {line.find(' '), line.find(' ', line.find(' ') + 1)};
      if (fields[1] == line.npos) continue;
      const std::size_t device = line.find(' ', fields[1] + 1);
      const std::size_t inode = device == line.npos ? line.npos : line.find(' ', device + 1);
      if (inode == line.npos) continue;
      std::uint64_t number = 0, start = 0, offset = 0;
      const char* text = line.data();
      std::from_chars(text + inode + 1, text + line.size(), number);
      std::from_chars(text, text + line.size(), start, 16);
      std::from_chars(text + fields[1] + 1, text + line.size(), offset, 16);
      if (number == status.st_ino && offset == 0) {
        found.shift = start - program->first_address;
        return found;
      }
    }
  found.analysis = NoGoProgram{NoGoProgram::Kind::go, "its memory map cannot be read"};
  return found;
}

}  // namespace weft
