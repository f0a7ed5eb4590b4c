// SPDX-License-Identifier: Apache-2.0
// What a client sees of answers: readiness, peeking, waiting, low-water mark, urgent data, splicing out.
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/semantics/side.h"

namespace weft::test {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";

void answer(Side& s) { s.call("send", send(s.fd.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL)); }
void begin_and_answer(Side& s) {
  s.begin();
  answer(s);
  s.meet();
}

void poll_client(Side& s) {
  s.connect_only();
  s.events_now("connected");
  send_all(s.fd.get(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  s.events_now("request sent");
  s.meet();
  s.events("answer there", POLLIN);
  s.receive(kAnswer.size());
  s.events_now("answer read");
  s.meet();
  s.events("peer has shut down", POLLRDHUP);
  s.receive(1);
}
void poll_server(Side& s) {
  s.begin();
  s.meet();
  answer(s);
  s.meet();
  shutdown(s.fd.get(), SHUT_WR);
}

void edge_client(Side& s) {
  s.begin();
  const Fd epoll(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  epoll_event entry{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {}};
  must(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, s.fd.get(), &entry), "epoll_ctl");
  const auto wait = [&](std::string_view name, std::uint32_t until, int timeout_ms) {
    std::uint32_t all = 0;
    do {
      epoll_event event{};
      const int n = epoll_wait(epoll.get(), &event, 1, timeout_ms);
      if (n > 0) all |= event.events;
    } while (timeout_ms < 0 && (all & until) != until);
    s.say("{}: {}{}{}", name, all & EPOLLIN ? "IN " : "", all & EPOLLOUT ? "OUT " : "",
          all & EPOLLRDHUP ? "RDHUP " : "");
  };
  wait("first", EPOLLOUT, -1);
  wait("nothing new", 0, 0);
  s.meet();
  wait("answer", EPOLLIN, -1);
  wait("no second edge", 0, 0);
  s.receive(5);
  wait("rest is no new edge", 0, 0);
  s.meet();
  wait("end", EPOLLIN | EPOLLRDHUP, -1);
  s.to_end();
}
void edge_server(Side& s) {
  s.begin();
  s.meet();
  answer(s);
  s.meet();
  shutdown(s.fd.get(), SHUT_WR);
}

void flags_client(Side& s) {
  s.begin();
  s.meet();
  char buffer[64];
  s.events("there", POLLIN);
  s.call("peek", recv(s.fd.get(), buffer, 8, MSG_PEEK));
  s.call("peek again", recv(s.fd.get(), buffer, sizeof buffer, MSG_PEEK));
  s.call("truncated", recv(s.fd.get(), nullptr, 9, MSG_TRUNC));
  s.receive(6);
  iovec parts[2] = {{buffer, 3}, {buffer + 3, 4}};
  s.call("readv", readv(s.fd.get(), parts, 2));
  s.say("  {:?}", std::string_view(buffer, 7));
  s.receive(kAnswer.size() - 22);
  s.call("nothing there", recv(s.fd.get(), buffer, 1, MSG_DONTWAIT));
  s.call("error queue", recv(s.fd.get(), buffer, 1, MSG_ERRQUEUE));
}

// A member answers 0 where a plain socket says EAGAIN.
void empty_receive_client(Side& s) {
  s.begin();
  char byte;
  s.call("zero bytes of nothing", recv(s.fd.get(), &byte, 0, MSG_DONTWAIT));
  s.meet();
}
void empty_receive_server(Side& s) {
  s.begin();
  s.meet();
}

void waitall_client(Side& s) {
  s.begin();
  s.meet();
  s.receive(kAnswer.size() * 2);
  s.meet();
  s.receive(kAnswer.size() * 2);  // the peer closes in the middle: a short result
}
void waitall_server(Side& s) {
  s.begin();
  answer(s);
  s.meet();
  answer(s);
  answer(s);
  s.meet();
  s.fd.reset();
}

void lowat_client(Side& s) {
  s.connect_only();
  set_option(s.fd.get(), SOL_SOCKET, SO_RCVLOWAT, 10);
  send_all(s.fd.get(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  s.meet();
  s.events_now("five bytes");
  s.meet();
  s.events("ten bytes", POLLIN);
  s.receive(10);
}
void lowat_server(Side& s) {
  s.begin();
  send_all(s.fd.get(), "HTTP/");
  s.meet();
  s.meet();
  send_all(s.fd.get(), "1.1 2");
}

void timeout_client(Side& s) {
  s.begin();
  const timeval limit{.tv_sec = 0, .tv_usec = 20'000};
  must(setsockopt(s.fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "SO_RCVTIMEO");
  char byte;
  s.call("timed out", recv(s.fd.get(), &byte, 1, 0));
  s.meet();
  s.meet();
  s.receive(kAnswer.size());
}
void timeout_server(Side& s) {
  s.begin();
  s.meet();
  answer(s);
  s.meet();
}

void urgent_client(Side& s) {
  s.begin();
  s.meet();
  s.events("urgent", POLLPRI);
  char byte = 0;
  s.call("urgent byte", recv(s.fd.get(), &byte, 1, MSG_OOB));
  s.say("  {}", byte);
  s.receive(4);
  s.call("again", recv(s.fd.get(), &byte, 1, MSG_OOB));
}
void urgent_server(Side& s) {
  s.begin();
  send_all(s.fd.get(), "HTTP");
  s.call("urgent", send(s.fd.get(), "!", 1, MSG_OOB));
  s.meet();
}

void splice_client(Side& s) {
  s.begin();
  s.meet();
  int ends[2];
  must(pipe(ends), "pipe");
  const Fd out(ends[0]), in(ends[1]);
  s.events("there", POLLIN);
  s.call("splice", splice(s.fd.get(), nullptr, in.get(), nullptr, kAnswer.size(), 0));
  char buffer[100];
  const long n = read(out.get(), buffer, sizeof buffer);
  s.say("{:?}", std::string_view(buffer, static_cast<std::size_t>(n)));
  set_nonblocking(s.fd.get(), true);
  s.call("splice, nothing there", splice(s.fd.get(), nullptr, in.get(), nullptr, 10, SPLICE_F_NONBLOCK));
}

void queue_client(Side& s) {
  s.begin();
  s.meet();
  s.events("there", POLLIN);
  int bytes = -1;
  ioctl(s.fd.get(), FIONREAD, &bytes);
  s.say("FIONREAD {}", bytes);
}

}  // namespace

const std::vector<Script>& receiving_scripts() {
  static const std::vector<Script> scripts{
      {"poll", poll_client, poll_server},
      {"epoll edges", edge_client, edge_server},
      {"receive flags", flags_client, begin_and_answer},
      {"MSG_WAITALL", waitall_client, waitall_server},
      {"SO_RCVLOWAT", lowat_client, lowat_server},
      {"SO_RCVTIMEO", timeout_client, timeout_server},
      {"urgent data in", urgent_client, urgent_server},
      {"splice from the socket", splice_client, begin_and_answer},
      {"receive of zero bytes", empty_receive_client, empty_receive_server, true},
      {"FIONREAD", queue_client, begin_and_answer, true},
  };
  return scripts;
}

}  // namespace weft::test
