// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weft::test {

Reader::Reader(int fd, Random& random, const Stream& expected, bool varied)
    : fd_(fd), random_(random), expected_(expected), varied_(varied), buffer_(256 * 1024, '\0') {
  std::array<int, 2> ends{};
  must(pipe2(ends.data(), O_CLOEXEC), "pipe");
  pipe_out_ = Fd(ends[0]);
  pipe_in_ = Fd(ends[1]);
}

bool Reader::fail(std::string what) {
  if (error_.empty()) error_ = fmt::format("{} at answer offset {} of {}", what, at_, expected_.bytes.size());
  return false;
}

bool Reader::read_until(std::size_t end) {
  while (at_ < end && error_.empty()) {
    const std::size_t wanted = random_.one_in(3) ? 1 + random_.below(64) : 1 + random_.below(buffer_.size() - 1);
    const long n = read_once(std::min(wanted, end - at_));
    if (n == 0) return fail("closed early");
    if (n < 0) {
      if ((errno != EAGAIN || must_wait_) && errno != EINTR)
        return fail(fmt::format("receive: {}", std::strerror(errno)));
      wait_for(fd_, POLLIN, 50);
      continue;
    }
    at_ += static_cast<std::size_t>(n);
  }
  return error_.empty();
}

long Reader::read_once(std::size_t n) {
  char* into = buffer_.data();
  long taken;
  switch (varied_ ? random_.below(11) : 0) {
    case 1:
      taken = read(fd_, into, n);
      break;
    case 2:
      return by_readv(n);
    case 3:
      return by_recvmsg(n);
    case 4:
      return by_recvmmsg(n);
    case 5:
      return by_peek(n);
    case 6:
      taken = recv(fd_, into, n, MSG_WAITALL);
      break;
    case 7:
      return recv(fd_, nullptr, std::min<std::size_t>(n, 2000), MSG_TRUNC);  // dropped by the kernel, unseen
    case 8:
      return by_splice(n);
    case 9:
      taken = recvfrom(fd_, into, n, MSG_DONTWAIT, nullptr, nullptr);
      break;
    default:
      taken = recv(fd_, into, n, 0);
  }
  compare(at_, into, taken);
  return taken;
}

void Reader::compare(std::size_t at, const char* bytes, long n) {
  if (n <= 0) return;
  const std::size_t length = static_cast<std::size_t>(n);
  if (at + length > expected_.bytes.size() || std::memcmp(bytes, expected_.bytes.data() + at, length) != 0)
    fail("answer differs");
}

long Reader::by_readv(std::size_t n) {
  iovec parts[2] = {{buffer_.data(), n / 2}, {buffer_.data() + n / 2, n - n / 2}};
  const long taken = readv(fd_, parts, 2);
  compare(at_, buffer_.data(), taken);
  return taken;
}

long Reader::by_recvmsg(std::size_t n) {
  iovec parts[3] = {{buffer_.data(), n / 3}, {buffer_.data() + n / 3, 0}, {buffer_.data() + n / 3, n - n / 3}};
  msghdr header{.msg_iov = parts, .msg_iovlen = 3};
  const long taken = recvmsg(fd_, &header, 0);
  compare(at_, buffer_.data(), taken);
  return taken;
}

long Reader::by_recvmmsg(std::size_t n) {
  iovec part{buffer_.data(), n};
  mmsghdr message{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  const int got = recvmmsg(fd_, &message, 1, 0, nullptr);
  if (got < 0) return -1;
  compare(at_, buffer_.data(), message.msg_len);
  return message.msg_len;
}

// Looking must not count as taking.
long Reader::by_peek(std::size_t n) {
  const long seen = recv(fd_, buffer_.data(), n, MSG_PEEK);
  compare(at_, buffer_.data(), seen);
  if (seen <= 0) return seen;
  const long taken = recv(fd_, buffer_.data(), static_cast<std::size_t>(seen), 0);
  compare(at_, buffer_.data(), taken);
  return taken;
}

long Reader::by_splice(std::size_t n) {
  const long piped = splice(fd_, nullptr, pipe_in_.get(), nullptr, std::min<std::size_t>(n, 32'768), SPLICE_F_NONBLOCK);
  for (long done = 0; done < piped;) {
    const long taken = read(pipe_out_.get(), buffer_.data(), static_cast<std::size_t>(piped - done));
    if (taken <= 0) return -1;
    compare(at_ + static_cast<std::size_t>(done), buffer_.data(), taken);
    done += taken;
  }
  return piped;
}

}  // namespace weft::test
