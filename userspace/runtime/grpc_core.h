// SPDX-License-Identifier: Apache-2.0
// Where a process calls by gRPC's C-core, and which call a thread of grpc++'s server is given: in its library, or in
// the program itself, as long as it has symbols and its code is such that what a probe needs is certain.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/grpc_server.h"
#include "runtime/known_files.h"
#include "runtime/mapped_files.h"

namespace weft {

// That a function keeps for its caller.
enum class KeptRegister : std::uint8_t { rbx, rbp, r12, r13, r14, r15 };

// How a server's call leads to its stream.
struct GrpcCoreCall {
  std::uint16_t elements = 0;       // of a call: those of its stack …
  std::uint16_t before = 0;         // … and so far before them their number
  std::uint16_t stream_number = 0;  // in a stream
};

struct GrpcCoreSites {
  // Offsets in the file …
  std::uint64_t batch = 0, unref = 0;            // of first instructions
  std::uint64_t headers = 0;                     // of the call that begins a stream's initial metadata
  KeptRegister stream = KeptRegister::rbx;       // where that one is there
  std::uint16_t call_context = 0, endpoint = 0;  // … and in a call and a transport
  std::optional<GrpcCoreCall> served;            // none: not certain
};

struct GrpcCoreLibrary {
  std::string path;  // through which the agent can open the file
  GrpcCoreSites sites;
};

struct GrpcServerLibrary {
  std::string path;
  GrpcServerSites sites;
};

// Of what a process has mapped; several where it has two.
struct GrpcLibraries {
  std::vector<GrpcCoreLibrary> core;
  std::vector<GrpcServerLibrary> servers;
};

// Can a file of this name, without its folder, be C-core's, or grpc++'s?
bool is_grpc_core_name(std::string_view name);

// Thread-safe, bounded. Files are read once: the answer is kept by device, inode and modification time.
class GrpcCoreFinder {
 public:
  explicit GrpcCoreFinder(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}
  GrpcLibraries find(pid_t pid);

 private:
  std::string proc_root_;
  struct Sites {
    std::optional<GrpcCoreSites> core;
    std::optional<GrpcServerSites> server;
  };
  static Sites sites_of(const Result<ElfFile>& opened);
  KnownFiles<Sites> known_{1024};
};

}  // namespace weft
