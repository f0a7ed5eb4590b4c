// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/sender.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weft::test {
namespace {

constexpr std::size_t kPipeBytes = 1u << 20;
constexpr std::size_t kSpliceBytes = 200'000;  // at most this many in one go

// A real file where there is one (page cache pages of a file system), anonymous memory otherwise.
Fd file_with(const std::string& bytes) {
  Fd file(open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) file = Fd(must(memfd_create("traffic", MFD_CLOEXEC), "memfd_create"));
  for (std::size_t at = 0; at < bytes.size();)
    at += static_cast<std::size_t>(
        must(static_cast<int>(write(file.get(), bytes.data() + at, std::min<std::size_t>(bytes.size() - at, 1u << 30))),
             "write"));
  return file;
}

}  // namespace

Sender::Sender(int fd, Random& random, const SendMix& mix, const Stream& stream)
    : fd_(fd), random_(random), mix_(mix), stream_(stream) {
  if (mix.sendfile || mix.splice) file_ = file_with(stream.bytes);
  if (mix.splice) {
    std::array<int, 2> ends{};
    must(pipe2(ends.data(), O_CLOEXEC), "pipe");
    pipe_in_ = Fd(ends[1]);
    pipe_out_ = Fd(ends[0]);
    fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  }
}

Sender::~Sender() = default;

bool Sender::fail(std::string what) {
  error_ = fmt::format("{} at {} of {}: {}", what, at_, stream_.bytes.size(), std::strerror(errno));
  return false;
}

std::size_t Sender::choose_size(std::size_t end) {
  const std::size_t left = end - at_;
  if (mix_.whole) {
    while (stream_.messages[message_].end <= at_) message_++;
    return std::min(left, stream_.messages[message_].end - at_);
  }
  // A body in single bytes teaches nothing and takes minutes; a head does.
  if (mix_.single_bytes) {
    if (at_ < mix_.whole_start) return std::min(left, mix_.whole_start - at_);
    while (message_ + 1 < stream_.messages.size() && stream_.messages[message_].end <= at_) message_++;
    const Message& message = stream_.messages[message_];
    const bool whole = mix_.whole_start && message_ % 2;
    return at_ < message.head_end + 64 && !whole ? 1 : std::min(left, message.end > at_ ? message.end - at_ : 1);
  }
  std::size_t n = random_.one_in(4) ? 1 + random_.below(60) : 1 + random_.below(3000);
  if (mix_.batch && !random_.one_in(3)) n = 1 + random_.below(random_.one_in(8) ? 4u << 20 : 400'000);
  if (mix_.medium && !random_.one_in(3)) n = 1 + random_.below(40'000);
  return std::min(left, n);
}

bool Sender::send_until(std::size_t end) {
  while (at_ < end) {
    const std::size_t n = choose_size(end);
    const long taken = send_once(n, at_ + n < end || !mix_.flush_ends);
    calls_++;
    if (taken < 0) {
      if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) return fail("send");
      if (!drain_notices()) return false;
      wait_for(fd_, POLLOUT, 50);
      continue;
    }
    if (static_cast<std::size_t>(taken) > n) return fail(fmt::format("{} bytes taken of {}", taken, n));
    at_ += static_cast<std::size_t>(taken);
  }
  return drain_notices();
}

long Sender::send_once(std::size_t n, bool more) {
  const char* from = stream_.bytes.data() + at_;
  if (mix_.sendfile && random_.one_in(4)) return by_sendfile(n);
  if (mix_.splice && random_.one_in(4)) return by_splice(n, more);
  if ((mix_.zerocopy || mix_.zerocopy_late) && random_.one_in(4)) {
    if (mix_.zerocopy_late && zerocopy_sends_ == 0) set_option(fd_, SOL_SOCKET, SO_ZEROCOPY, 1);
    const long taken = send(fd_, from, n, MSG_ZEROCOPY | MSG_NOSIGNAL);
    zerocopy_sends_ += taken > 0;
    return taken;
  }
  switch (random_.below(8)) {
    case 0:
      return write(fd_, from, n);
    case 1:
      return by_writev(n);
    case 2:
      return sendto(fd_, from, n, MSG_NOSIGNAL, nullptr, 0);
    case 3:
      return by_sendmsg(n, 0);
    case 4:
      return by_sendmsg(n, more ? MSG_MORE : 0);
    case 5:
      // A member socket that does not block and fills up in the middle of several messages loses its place: the kernel
      // goes on with the next message behind a short one (docs/limits.md). Such calls are tried only where they block.
      return (mix_.nonblocking && !mix_.member_limit) || mix_.plain_calls ? by_sendmsg(n, 0) : by_sendmmsg(n);
    case 6:
      return send(fd_, from, n, (more ? MSG_MORE : 0) | MSG_NOSIGNAL);
    default:
      return send(fd_, from, n, MSG_NOSIGNAL);
  }
}

// Several pieces, some of them empty, as gathering writers have them.
static std::array<iovec, 5> pieces(Random& random, const char* from, std::size_t n) {
  std::array<iovec, 5> parts{};
  char* at = const_cast<char*>(from);
  std::size_t left = n;
  for (std::size_t i = 0; i < parts.size(); i++) {
    const std::size_t part = i + 1 == parts.size() ? left : random.below(left + 1);
    parts[i] = {at, part};
    at += part;
    left -= part;
  }
  return parts;
}

long Sender::by_writev(std::size_t n) {
  auto parts = pieces(random_, stream_.bytes.data() + at_, n);
  return writev(fd_, parts.data(), static_cast<int>(parts.size()));
}

long Sender::by_sendmsg(std::size_t n, int flags) {
  auto parts = pieces(random_, stream_.bytes.data() + at_, n);
  msghdr header{.msg_iov = parts.data(), .msg_iovlen = parts.size()};
  return sendmsg(fd_, &header, flags | MSG_NOSIGNAL);
}

long Sender::by_sendmmsg(std::size_t n) {
  auto parts = pieces(random_, stream_.bytes.data() + at_, n);
  std::array<mmsghdr, 5> messages{};
  for (std::size_t i = 0; i < messages.size(); i++) {
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = sendmmsg(fd_, messages.data(), messages.size(), MSG_NOSIGNAL);
  if (sent < 0) return -1;
  long taken = 0;
  for (int i = 0; i < sent; i++) taken += messages[static_cast<std::size_t>(i)].msg_len;
  return taken;
}

long Sender::by_sendfile(std::size_t n) {
  off_t from = static_cast<off_t>(at_);
  return sendfile(fd_, file_.get(), &from, n);
}

// Pages lent to the kernel are read when they are sent, which may be when the stream is over and its memory another's:
// so they are this call's own, and given up at once.
long Sender::lend(std::size_t n) {
  void* pages = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return -1;
  std::memcpy(pages, stream_.bytes.data() + at_, n);
  iovec memory{pages, n};
  const long piped = vmsplice(pipe_in_.get(), &memory, 1, 0);
  munmap(pages, n);
  return piped;
}

long Sender::by_splice(std::size_t n, bool more) {
  more = more || n > kSpliceBytes;
  n = std::min(n, kSpliceBytes);
  loff_t from = static_cast<loff_t>(at_);
  const long piped = random_.one_in(2) ? splice(file_.get(), &from, pipe_in_.get(), nullptr, n, 0) : lend(n);
  if (piped <= 0) return -1;
  for (long done = 0; done < piped;) {
    const long moved = splice(pipe_out_.get(), nullptr, fd_, nullptr, static_cast<std::size_t>(piped - done),
                              more && random_.one_in(2) ? SPLICE_F_MORE : 0);
    if (moved >= 0) {
      done += moved;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      if (!drain_notices()) return -1;
      wait_for(fd_, POLLOUT, 50);
    } else {
      return -1;
    }
  }
  return piped;
}

bool Sender::drain_notices() {
  if (zerocopy_sends_ == 0) return true;
  for (;;) {
    alignas(cmsghdr) char control[512];
    msghdr header{.msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(fd_, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return errno == EAGAIN || fail("error queue");
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
      sock_extended_err notice;
      std::memcpy(&notice, CMSG_DATA(item), sizeof notice);
      if (notice.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
      seen_notices_.resize(std::max<std::size_t>(seen_notices_.size(), zerocopy_sends_), 0);
      for (std::uint32_t id = notice.ee_info; id <= notice.ee_data; id++) {
        errno = 0;
        if (id >= zerocopy_sends_ && mix_.zerocopy_late) {
          extra_notices_++;
          continue;
        }
        notices_++;
        if (id >= seen_notices_.size())
          return fail(fmt::format("notice {} of {} zero-copy sends", id, zerocopy_sends_));
        if (seen_notices_[id]++) return fail(fmt::format("zero-copy notice {} twice", id));
      }
    }
  }
}

bool Sender::collect_notices() {
  // The peer may be slow; half a minute without a single notice means that one is missing.
  while (notices_ + extra_notices_ < zerocopy_sends_) {
    const std::uint64_t before = notices_;
    for (int i = 0; i < 300 && notices_ == before; i++) {
      pollfd entry{.fd = fd_, .events = 0, .revents = 0};
      must(poll(&entry, 1, 100), "poll");
      if (!drain_notices()) return false;
    }
    errno = 0;
    if (notices_ == before) return fail(fmt::format("{} notices of {} zero-copy sends", notices_, zerocopy_sends_));
  }
  return drain_notices();
}

bool Sender::file_unchanged() const {
  if (!file_) return true;
  std::string content(stream_.bytes.size(), '\0');
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t n = pread(file_.get(), content.data() + at, content.size() - at, static_cast<off_t>(at));
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return content == stream_.bytes;
}

}  // namespace weft::test
