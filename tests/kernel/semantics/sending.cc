// SPDX-License-Identifier: Apache-2.0
// What a client gets for its sends: results, readiness with a full buffer, corking, urgent data, files and pipes.
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernel/semantics/side.h"

namespace weft::test {
namespace {

constexpr std::string_view kPost = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";

void take_all(Side& s) {
  s.begin();
  s.to_end();
}

void full_client(Side& s) {
  s.connect_only();
  set_option(s.fd.get(), SOL_SOCKET, SO_SNDBUF, 20'000);
  send_all(s.fd.get(), kPost);
  set_nonblocking(s.fd.get(), true);
  const std::string block(4096, 'b');
  std::uint64_t sent = 0;
  for (long n; (n = send(s.fd.get(), block.data(), block.size(), MSG_NOSIGNAL)) > 0;)
    sent += static_cast<std::uint64_t>(n);
  s.say("full: -{}, something sent: {}", strerrorname_np(errno), sent > 0);
  s.events_now("full");
  s.meet();  // the peer begins to read
  s.events("room again", POLLOUT);
  const std::string rest(1'000'000 - sent, 'c');
  s.say("rest sent: {}", send_all(s.fd.get(), rest));
  shutdown(s.fd.get(), SHUT_WR);
}
void full_server(Side& s) {
  s.accept_only();
  set_option(s.fd.get(), SOL_SOCKET, SO_RCVBUF, 10'000);
  s.meet();
  s.read_request();
  std::uint64_t total = 0;
  char buffer[65536];
  for (ssize_t n; (n = recv(s.fd.get(), buffer, sizeof buffer, 0)) > 0;) total += static_cast<std::uint64_t>(n);
  s.say("body of {}", total);
}

void send_timeout_client(Side& s) {
  s.connect_only();
  set_option(s.fd.get(), SOL_SOCKET, SO_SNDBUF, 20'000);
  const timeval limit{.tv_sec = 0, .tv_usec = 20'000};
  must(setsockopt(s.fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "SO_SNDTIMEO");
  send_all(s.fd.get(), kPost);
  const std::string block(1'000'000, 'b');
  // The peer's buffer may take some more between two calls; in the end a call times out with nothing sent.
  std::size_t sent = 0;
  long n;
  while ((n = send(s.fd.get(), block.data() + sent, block.size() - sent, MSG_NOSIGNAL)) > 0)
    sent += static_cast<std::size_t>(n);
  s.call("full", n);
  s.say("a part: {}", sent > 0 && sent < block.size());
  s.meet();
  s.say("rest: {}", send_all(s.fd.get(), std::string_view(block).substr(sent)));
  shutdown(s.fd.get(), SHUT_WR);
}

void vectors_client(Side& s) {
  s.connect_only();
  std::vector<iovec> parts;
  const std::string text(kPost);
  for (const char& c : text) parts.push_back({const_cast<char*>(&c), 1});
  s.call("single bytes",
         writev(s.fd.get(), parts.data(), static_cast<int>(parts.size())) == static_cast<long>(text.size()));
  std::string body(1024, 'v');
  parts.clear();
  for (char& c : body) parts.push_back({&c, 1});
  s.call("1024 parts", writev(s.fd.get(), parts.data(), 1024));
  s.call("no parts", writev(s.fd.get(), parts.data(), 0));
  s.call("zero bytes", send(s.fd.get(), "", 0, MSG_NOSIGNAL));
  mmsghdr messages[3]{};
  iovec part{body.data(), 100};
  for (mmsghdr& message : messages) message.msg_hdr.msg_iov = &part, message.msg_hdr.msg_iovlen = 1;
  s.call("sendmmsg", sendmmsg(s.fd.get(), messages, 3, MSG_NOSIGNAL));
  s.say("  {} {} {}", messages[0].msg_len, messages[1].msg_len, messages[2].msg_len);
  shutdown(s.fd.get(), SHUT_WR);
}

// A member answers 0 where a plain socket says EFAULT; nothing goes out either way.
void bad_address_client(Side& s) {
  s.begin(kPost);
  char byte = 'b';
  iovec bad[2] = {{&byte, 1}, {reinterpret_cast<void*>(8), 10}};
  s.call("bad address behind good bytes", writev(s.fd.get(), bad, 2));
  s.call("bad address", send(s.fd.get(), reinterpret_cast<void*>(8), 10, MSG_NOSIGNAL));
  shutdown(s.fd.get(), SHUT_WR);
}

void cork_client(Side& s) {
  s.connect_only();
  set_option(s.fd.get(), IPPROTO_TCP, TCP_CORK, 1);
  for (const char c : kPost) send_all(s.fd.get(), std::string_view(&c, 1));
  send_all(s.fd.get(), "body");
  set_option(s.fd.get(), IPPROTO_TCP, TCP_CORK, 0);
  s.meet();
  s.call("more", send(s.fd.get(), "more", 4, MSG_MORE | MSG_NOSIGNAL));
  shutdown(s.fd.get(), SHUT_WR);
}
void cork_server(Side& s) {
  s.begin();
  s.receive(4);
  s.meet();
  s.to_end();
}

void urgent_client(Side& s) {
  s.begin(kPost);
  s.call("urgent", send(s.fd.get(), "ab!", 3, MSG_OOB | MSG_NOSIGNAL));
  s.call("behind", send(s.fd.get(), "cd", 2, MSG_NOSIGNAL));
  s.meet();
  s.meet();
}
void urgent_server(Side& s) {
  s.begin();
  s.meet();
  s.events("urgent", POLLPRI);
  char byte = 0;
  s.call("urgent byte", recv(s.fd.get(), &byte, 1, MSG_OOB));
  s.say("  {}", byte);
  s.receive(2);
  int mark = -1;
  ioctl(s.fd.get(), SIOCATMARK, &mark);
  s.say("at the mark: {}", mark);
  s.receive(2);
  s.meet();
}

void file_client(Side& s) {
  s.begin(kPost);
  const Fd file(must(memfd_create("body", MFD_CLOEXEC), "memfd_create"));
  static const std::string body(300'000, 'f');  // its pages lie in the socket until the peer has read them
  must(static_cast<int>(write(file.get(), body.data(), body.size())), "write");
  off_t at = 1000;
  std::size_t sent = 0;
  while (sent < 200'000) {
    const long n = sendfile(s.fd.get(), file.get(), &at, 200'000 - sent);
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  s.say("sendfile {}, offset {}", sent, static_cast<long>(at));
  int ends[2];
  must(pipe(ends), "pipe");
  const Fd out(ends[0]), in(ends[1]);
  loff_t from = 0;
  s.call("into the pipe", splice(file.get(), &from, in.get(), nullptr, 5000, 0));
  s.call("into the socket", splice(out.get(), nullptr, s.fd.get(), nullptr, 5000, SPLICE_F_MORE));
  iovec part{const_cast<char*>(body.data()), 4096};
  s.call("vmsplice", vmsplice(in.get(), &part, 1, 0));
  s.call("into the socket", splice(out.get(), nullptr, s.fd.get(), nullptr, 4096, 0));
  s.call("empty file end", sendfile(s.fd.get(), file.get(), nullptr, 100));
  shutdown(s.fd.get(), SHUT_WR);
}

void queue_client(Side& s) {
  s.begin(kPost);
  s.meet();
  int bytes = -1, unsent = -1;
  // The peer has read it all; its acknowledgements come at once on loopback, and the loop waits for the last.
  do ioctl(s.fd.get(), SIOCOUTQ, &bytes);
  while (bytes != 0);
  ioctl(s.fd.get(), SIOCOUTQNSD, &unsent);
  s.say("SIOCOUTQ {} SIOCOUTQNSD {}", bytes, unsent);
}
void queue_server(Side& s) {
  s.begin();
  s.meet();
}

// Every MSG_ZEROCOPY send is reported once, whatever the kernel programs do.
void zerocopy_client(Side& s) {
  s.fd = connect_to(s.port(), false, 0, true);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n";
  const std::string first = head + std::string(200'000, 'z'), block(200'000, 'y');
  unsigned sends = 0;
  for (const std::string* text : {&first, &block, &block}) {
    for (std::size_t at = 0; at < text->size();) {
      const long n = send(s.fd.get(), text->data() + at, text->size() - at, MSG_ZEROCOPY | MSG_NOSIGNAL);
      if (n < 0) return s.say("send -{}", strerrorname_np(errno));
      at += static_cast<std::size_t>(n);
      sends++;
    }
  }
  shutdown(s.fd.get(), SHUT_WR);
  s.meet();
  unsigned notices = 0, beyond = 0;
  while (notices < sends) {
    pollfd entry{.fd = s.fd.get(), .events = 0, .revents = 0};
    must(poll(&entry, 1, -1), "poll");
    alignas(cmsghdr) char control[256];
    msghdr header{.msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(s.fd.get(), &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) continue;
    sock_extended_err notice;
    std::memcpy(&notice, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof notice);
    notices += notice.ee_data - notice.ee_info + 1;
    beyond += notice.ee_data >= sends;
  }
  s.say("notices as many as sends: {}, beyond: {}", notices == sends, beyond);
}
void zerocopy_server(Side& s) {
  s.begin();
  s.to_end();
  s.meet();
}

// A child that the client forks writes to the same socket.
void shared_client(Side& s) {
  s.begin(kPost);
  const pid_t child = must(fork(), "fork");
  if (child == 0) {
    send_all(s.fd.get(), "from the child");
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  send_all(s.fd.get(), "from the parent");
  shutdown(s.fd.get(), SHUT_WR);
}

}  // namespace

const std::vector<Script>& sending_scripts() {
  static const std::vector<Script> scripts{
      {"full buffer", full_client, full_server},
      {"SO_SNDTIMEO", send_timeout_client, full_server},
      {"vectors", vectors_client, take_all},
      {"bad addresses", bad_address_client, take_all, true},
      {"TCP_CORK and MSG_MORE", cork_client, cork_server},
      {"urgent data out", urgent_client, urgent_server},
      {"sendfile, splice, vmsplice", file_client, take_all},
      {"SIOCOUTQ", queue_client, queue_server},
      {"zero-copy notices", zerocopy_client, zerocopy_server},
      {"a socket shared with a child", shared_client, take_all},
  };
  return scripts;
}

}  // namespace weft::test
