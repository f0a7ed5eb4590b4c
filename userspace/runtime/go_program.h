// SPDX-License-Identifier: Apache-2.0
// What weft has to know of a Go program to tell its goroutines apart: versions, offsets, places for probes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "runtime/file_id.h"
#include "runtime/go_kafka.h"
#include "runtime/go_layout.h"
#include "runtime/known_files.h"

namespace weft {

struct GoProgram {
  std::string version;  // "go1.22.5"
  GoLayout layout;
  bool proven = true;  // false: a guess, to be borne out by the live program first
  bool position_independent = false;
  std::int64_t running_g = -8;  // where a thread keeps the address of the running g, from the FS base

  // Offsets in the file, for probes.
  std::uint64_t goroutine_born = 0;              // the call of runqput in newproc.func1: BX is the new g
  std::uint64_t goroutine_ends = 0;              // goexit1
  std::optional<std::uint64_t> http_round_trip;  // (*persistConn).roundTrip: AX is the connection

  // Of (*crypto/tls.Conn), all of them or none: handshakes, Write, and the call of memmove in Read.
  struct Tls {
    std::optional<std::uint64_t> client_handshake, server_handshake;  // what the program needs of them
    std::uint64_t write = 0, read = 0;
    std::uint32_t read_conn = 0;      // where Read keeps its Conn, from the stack pointer
    std::uint64_t write_address = 0;  // as linked
  };
  std::optional<Tls> tls;

  // HTTP/2, of each of its libraries that the program has and that can be followed.
  std::vector<std::uint64_t> http2_run_handler;  // (*http2serverConn).runHandler: AX is the connection, BX the writer
  std::optional<std::uint64_t> http2_internal_handler;  // of net/http/internal/http2 (Go 1.27), likewise
  struct GrpcClient {
    std::uint64_t new_stream = 0;  // the call of executeAndPut in (*http2Client).NewStream: DI is the headers
    std::uint64_t write_header =
        0;  // a client's call of (*loopyWriter).writeHeader: BX is the stream, DI the header fields
  };
  std::optional<GrpcClient> grpc_client;
  std::optional<std::uint64_t> grpc_operate_headers;  // (*http2Server).operateHeaders: BX or DI is the frame

  GoKafka kafka;

  // Addresses as linked.
  std::uint64_t first_address = 0;  // of the first loaded segment: mapped minus this is the shift
  std::uint64_t tcp_write = 0;      // (*net.TCPConn).Write; 0: not in the program
  std::uint64_t h2c_write = 0;      // (*golang.org/x/net/http2/h2c.bufConn).Write, likewise
  // Start addresses of goroutines: of what never works for the request it began in; of what sends one HTTP/2 request,
  // for whom it was started by; of what handles the request that the goroutine which started it has just read.
  std::vector<std::uint64_t> service_goroutines, sender_goroutines, handler_goroutines;
};

// Not a Go program, or one that cannot be followed: one sentence.
struct NoGoProgram {
  enum class Kind : std::uint8_t { other, hidden, go };  // hidden: what it is cannot be told
  Kind kind = Kind::other;
  std::string reason;
};
using GoAnalysis = std::variant<GoProgram, NoGoProgram>;

GoAnalysis analyse_go_program(const std::string& path);

// The analysis for running processes, once for each file. Thread-safe, bounded.
class GoProgramFinder {
 public:
  explicit GoProgramFinder(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}
  struct Found {
    GoAnalysis analysis;
    std::string path;            // PROC/PID/exe: the file, whatever namespace it lies in
    std::optional<FileId> file;  // nothing: the process is gone
    std::uint64_t shift = 0;     // mapped address minus address as linked
  };
  Found find(pid_t pid);

 private:
  std::string proc_root_;
  KnownFiles<GoAnalysis> known_{256};
};

}  // namespace weft
