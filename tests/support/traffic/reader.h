// SPDX-License-Identifier: Apache-2.0
// Reads answers by randomly chosen calls and compares each byte with what the peer was to send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/traffic/messages.h"
#include "support/traffic/random.h"
#include "support/traffic/sockets.h"

namespace weft::test {

class Reader {
 public:
  // varied = false: plain recv only. REQUIRES: expected outlives this; fd stays open.
  Reader(int fd, Random& random, const Stream& expected, bool varied);

  // A blocking receive that says EAGAIN is an error from here on. REQUIRES: a socket that blocks, varied = false.
  void must_wait() { must_wait_ = true; }
  // Reads until everything before `end` has come. False: error() says why.
  bool read_until(std::size_t end);

  std::size_t position() const { return at_; }
  const std::string& error() const { return error_; }

 private:
  long read_once(std::size_t n);  // bytes taken from the stream, compared where they were seen
  long by_readv(std::size_t n);
  long by_recvmsg(std::size_t n);
  long by_recvmmsg(std::size_t n);
  long by_peek(std::size_t n);
  long by_splice(std::size_t n);
  void compare(std::size_t at, const char* bytes, long n);
  bool fail(std::string what);

  const int fd_;
  Random& random_;
  const Stream& expected_;
  const bool varied_;
  bool must_wait_ = false;
  Fd pipe_in_, pipe_out_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::string error_;
};

}  // namespace weft::test
