// SPDX-License-Identifier: Apache-2.0
// Sends a given text by randomly chosen calls and sizes, as applications of all kinds do, and checks what the kernel
// owes to the application: results within bounds, one completion notice per zero-copy send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/traffic/messages.h"
#include "support/traffic/random.h"
#include "support/traffic/sockets.h"

namespace weft::test {

struct SendMix {
  bool sendfile = false;
  bool splice = false;         // file or user pages through a pipe
  bool zerocopy = false;       // MSG_ZEROCOPY, the socket option set before connect
  bool zerocopy_late = false;  // … set on the connected socket
  bool batch = false;          // many requests in one call, up to 4 MB
  bool medium = false;         // about as much as a small send buffer holds: it fills up in mid-message
  bool whole = false;          // each request in exactly one call
  bool single_bytes = false;
  std::size_t whole_start = 0;  // so many bytes of a connection in one call, and then every other request
  bool nonblocking = false;     // the socket does not block: no sendmmsg then, see member_limit
  bool member_limit = false;    // sendmmsg all the same: what member sockets are known to get wrong
  bool plain_calls = false;     // no sendmmsg: the agent cannot read its second message while it only observes
  bool flush_ends = false;  // the last call before a given end never says that more is coming (the peer is to answer)
};

class Sender {
 public:
  // REQUIRES: stream outlives this and is never changed; fd stays open.
  Sender(int fd, Random& random, const SendMix& mix, const Stream& stream);
  ~Sender();

  // Sends everything before `end`. False: error() says why.
  bool send_until(std::size_t end);
  // Waits for the notices of all zero-copy sends; each must be reported exactly once. A socket that asks for zero copy
  // when it is a member already gets more, until the agent has let it go: counted apart.
  bool collect_notices();
  // The file that sendfile and splice took their bytes from is as it was.
  bool file_unchanged() const;

  std::uint64_t calls() const { return calls_; }
  std::uint64_t zerocopy_sends() const { return zerocopy_sends_; }
  std::uint64_t notices() const { return notices_; }
  // Notices beyond the number of sends: only where the option came after connect, see collect_notices.
  std::uint64_t extra_notices() const { return extra_notices_; }
  const std::string& error() const { return error_; }

 private:
  std::size_t choose_size(std::size_t end);
  long send_once(std::size_t n, bool more);  // bytes taken, or -1 with errno
  long by_sendmsg(std::size_t n, int flags);
  long by_sendmmsg(std::size_t n);
  long by_writev(std::size_t n);
  long by_sendfile(std::size_t n);
  long lend(std::size_t n);
  long by_splice(std::size_t n, bool more);
  bool drain_notices();
  bool fail(std::string what);

  const int fd_;
  Random& random_;
  const SendMix mix_;
  const Stream& stream_;
  Fd file_, pipe_in_, pipe_out_;
  std::size_t at_ = 0;
  std::size_t message_ = 0;
  std::uint64_t calls_ = 0, zerocopy_sends_ = 0, notices_ = 0, extra_notices_ = 0;
  std::string seen_notices_;  // one byte per id
  std::string error_;
};

}  // namespace weft::test
