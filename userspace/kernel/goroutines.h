// SPDX-License-Identifier: Apache-2.0
// Go processes: their goroutines told apart, and the plaintext of their TLS connections, by probes in their code.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"

namespace weft {

// How to tell the goroutines of one Go process apart (runtime/go_program.h finds it out).
struct GoroutineSettings {
  std::string file;  // through which the program can be opened
  std::uint16_t g_m = 0, g_goid = 0, g_parent_goid = 0, g_startpc = 0, m_curg = 0, persist_conn_conn = 0;
  std::int64_t running_g = -8;  // where a thread keeps the address of the running g, from the FS base
  bool proven = true;
  std::uint64_t tcp_write = 0, tls_write = 0, h2c_write = 0;  // addresses in the process
  std::uint32_t tls_read_conn = 0;  // where (*tls.Conn).Read keeps its Conn, from the stack pointer
  enum class Place : std::uint8_t {
    born,
    ends,
    http_round_trip,
    http2_run_handler,
    http2_internal_handler,
    grpc_new_stream,
    grpc_write_header,
    grpc_operate_headers,
    tls_client_handshake,
    tls_server_handshake,
    tls_write,
    tls_read,
  };
  struct Probe {
    Place place;
    std::uint64_t offset = 0;  // in the file
  };
  std::vector<Probe> probes;
  // Start addresses in the process of goroutines: that never inherit; that send for whom they were started by; that
  // handle what was just read by whom they were started by.
  std::vector<std::uint64_t> service_goroutines, sender_goroutines, handler_goroutines;
};

// What the kernel learned of one Go process.
struct GoroutineFindings {
  std::uint32_t program = 0;        // the number of this run of it, while it is traced
  bool refuted = false;             // what was read in its memory is no goroutine: nothing is attributed
  bool unproven = false;            // a guess that the program has not borne out yet
  std::uint32_t sites_learned = 0;  // functions whose goroutines inherit, and those whose never will
  std::uint32_t sites_off = 0;
  std::uint32_t births = 0;          // goroutines whose birth was noted since it is traced, and those that nothing
  std::uint32_t births_in_vain = 0;  // passes to
};

// Part of a Kernel. From the thread that traces processes only, but for findings.
class GoroutineTracer {
 public:
  virtual ~GoroutineTracer() = default;
  // How often a traced process has executed another program.
  virtual std::uint32_t executions(pid_t tgid) = 0;
  // The tasks of a traced process are goroutines from now on. `executed`: what executions() said before the program was
  // looked at; fails when it executes another one by now.
  virtual Result<void> trace_goroutines(pid_t tgid, const GoroutineSettings& settings, std::uint32_t executed) = 0;
  virtual void untrace_goroutines(pid_t tgid) = 0;  // also done by Kernel::untrace
  // Births and ends of its goroutines are not seen until further notice, or are again.
  virtual Result<void> rest_goroutines(pid_t tgid, bool rest) = 0;
  // The program for TLS is loaded behind the start: probes that had to wait for it. True: some still do, call it again.
  virtual bool attach_late() = 0;
  // Of processes whose tasks are goroutines.
  virtual std::map<pid_t, GoroutineFindings> goroutine_findings() = 0;
};
GoroutineTracer& goroutine_tracer(Kernel& kernel);

}  // namespace weft
