// SPDX-License-Identifier: Apache-2.0
#include "lifecycle_ways.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/traffic/sockets.h"
#include "support/traffic/uring.h"

namespace weft::test {

std::string send_file(int fd, const std::string& text) {
  const Fd file(must(memfd_create("text", MFD_CLOEXEC), "memfd_create"));
  must(static_cast<int>(write(file.get(), text.data(), text.size())), "write");
  off_t at = 0;
  return fmt::format("{}", sendfile(fd, file.get(), &at, text.size()));
}

std::string splice_all(int fd, bool out, std::string text) {
  int ends[2];
  must(pipe2(ends, O_CLOEXEC), "pipe2");
  const Fd reads(ends[0]), writes(ends[1]);
  if (out) return fmt::format("{}", splice(fd, nullptr, ends[1], nullptr, 65536, 0));
  must(static_cast<int>(write(ends[1], text.data(), text.size())), "write");
  return fmt::format("{}", splice(ends[0], nullptr, fd, nullptr, text.size(), 0));
}

std::string in_messages(int fd, bool receives, unsigned count, std::string text) {
  if (receives) text.resize(4096);
  const std::size_t first = text.size() / count;
  iovec pieces[2] = {{text.data(), first}, {text.data() + first, text.size() - first}};
  mmsghdr messages[2] = {};
  for (int i = 0; i < 2; i++) messages[i].msg_hdr = {.msg_iov = &pieces[i], .msg_iovlen = 1};
  if (receives) return fmt::format("{}", recvmmsg(fd, messages, count, MSG_WAITFORONE, nullptr));
  return fmt::format("{}", sendmmsg(fd, messages, count, 0));
}

std::string send_zerocopy(int fd, const std::string& text) {
  set_option(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
  static std::string lent;  // until it has arrived
  lent = text;
  return fmt::format("{}", send(fd, lent.data(), lent.size(), MSG_ZEROCOPY | MSG_NOSIGNAL));
}

std::string by_ring(const std::string& what, int fd, std::string text) {
  thread_local Uring ring;
  static char room[65536];
  if (what == "receive") ring.receive(fd, room, sizeof room);
  if (what == "receive") return "submitted";
  if (what == "result") return fmt::format("{}", ring.result());
  for (std::size_t sent = 0; sent < text.size();) {
    ring.send(fd, text.data() + sent, text.size() - sent);
    const int now = ring.result();
    if (now <= 0) return "failed";
    sent += static_cast<std::size_t>(now);
  }
  return "sent";
}

}  // namespace weft::test
