// SPDX-License-Identifier: Apache-2.0
// What processes encrypt and decrypt by OpenSSL, seen by probes in its functions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "kernel/kernel.h"
#include "wire/openssl.h"

namespace weft {

struct OpensslPlace {
  openssl_site site;
  std::uint64_t offset = 0;  // in the file
  // Its call is over there, the stack pointer being so many bytes above what it was where the call began.
  std::optional<std::uint32_t> above;
};

// Part of a Kernel. From the thread that traces processes only.
class OpensslTracer {
 public:
  virtual ~OpensslTracer() = default;
  // The program for it is loaded behind the start. False: not yet.
  virtual bool follows_openssl() = 0;
  // Of a traced process, one library of perhaps several. REQUIRES: follows_openssl().
  virtual Result<void> follow_openssl(pid_t tgid, const std::string& file, std::span<const OpensslPlace> places) = 0;
  // Has a traced process, of which no such library is known, received TLS on a socket?
  virtual bool speaks_tls(pid_t tgid) = 0;
  virtual void forget_openssl(pid_t tgid) = 0;  // all of them; also done by Kernel::untrace
};
OpensslTracer& openssl_tracer(Kernel& kernel);

}  // namespace weft
