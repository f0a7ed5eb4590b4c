// SPDX-License-Identifier: Apache-2.0
// The untraced end: a process of its own that compares what arrives while it arrives.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "kernel/traffic/plan.h"
#include "support/traffic/compare.h"
#include "support/traffic/sockets.h"

namespace weft::test {

struct Verdict {
  Tally tally;
  std::string fault;
};

class ReceiverProcess {
 public:
  // serve_port: where the sending process takes its own incoming requests (RunOptions::serve).
  ReceiverProcess(const RunOptions& options, Listener listener, std::uint16_t serve_port);
  ~ReceiverProcess();  // ends the process
  ReceiverProcess(const ReceiverProcess&) = delete;
  ReceiverProcess& operator=(const ReceiverProcess&) = delete;

  std::uint16_t port() const { return port_; }
  // The next connection that comes in carries this plan. With `serve`, a request is on its way to serve_port first.
  void expect(std::uint64_t connection);
  Verdict verdict();  // of the connection expected last, after its end

 private:
  const std::uint16_t port_;
  Fd control_;
  pid_t pid_ = -1;
};

}  // namespace weft::test
