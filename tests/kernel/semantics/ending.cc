// SPDX-License-Identifier: Apache-2.0
// Ends of connections: half close both ways, resets both ways, lingering, reconnecting the same socket.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/semantics/side.h"

namespace weft::test {
namespace {

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void reset(Side& s) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  must(setsockopt(s.fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now), "SO_LINGER");
  s.fd.reset();
}

void half_close_client(Side& s) {
  s.begin();
  s.call("shutdown", shutdown(s.fd.get(), SHUT_WR));
  s.call("send", send(s.fd.get(), "x", 1, MSG_NOSIGNAL));
  s.to_end();
  s.events_now("both closed");
}
void half_close_server(Side& s) {
  s.begin();
  s.to_end();
  send_all(s.fd.get(), kAnswer);
  s.fd.reset();
}

void peer_half_close_client(Side& s) {
  s.begin();
  s.to_end();
  for (int i = 0; i < 3; i++) s.call("send", send(s.fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL));
  shutdown(s.fd.get(), SHUT_WR);
  s.meet();
}
void peer_half_close_server(Side& s) {
  s.begin();
  send_all(s.fd.get(), kAnswer);
  shutdown(s.fd.get(), SHUT_WR);
  for (int i = 0; i < 3; i++) s.read_request();
  s.to_end();
  s.meet();
}

void reset_by_peer_client(Side& s) {
  s.begin();
  s.meet();
  s.events("reset", POLLIN);
  int error = 0;
  socklen_t length = sizeof error;
  char byte;
  s.call("receive", recv(s.fd.get(), &byte, 1, 0));
  s.call("receive again", recv(s.fd.get(), &byte, 1, 0));
  s.call("send", send(s.fd.get(), "x", 1, MSG_NOSIGNAL));
  getsockopt(s.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  s.say("SO_ERROR {}", error);
}
void reset_by_peer_server(Side& s) {
  s.begin();
  reset(s);
  s.meet();
}

void reset_by_peer_sending_client(Side& s) {
  s.begin();
  s.meet();
  s.events("reset", POLLIN);
  s.call("send", send(s.fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL));
}

// A member goes on to say ECONNRESET where a plain socket says it once and EPIPE from then on.
void after_reset_client(Side& s) {
  s.begin();
  s.meet();
  s.events("reset", POLLIN);
  for (int i = 0; i < 3; i++) s.call("send", send(s.fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL));
}

void reset_client(Side& s) {
  s.begin();
  reset(s);
  s.meet();
}
void reset_server(Side& s) {
  s.begin();
  s.meet();
  s.events("reset", POLLIN);
  char byte;
  s.call("receive", recv(s.fd.get(), &byte, 1, 0));
}

void linger_client(Side& s) {
  s.connect_only();
  const linger wait{.l_onoff = 1, .l_linger = 20};
  must(setsockopt(s.fd.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait), "SO_LINGER");
  const std::string body(300'000, 'l');
  send_all(s.fd.get(), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
  send_all(s.fd.get(), body);
  s.fd.reset();
}
void linger_server(Side& s) {
  s.begin();
  s.to_end();
}

void silent_client(Side& s) {
  s.connect_only();
  s.call("shutdown for reading", shutdown(s.fd.get(), SHUT_RD));
  char byte;
  s.call("receive", recv(s.fd.get(), &byte, 1, 0));
  s.fd.reset();
}
void silent_server(Side& s) {
  s.accept_only();
  s.to_end();
}

// connect(AF_UNSPEC) takes the socket back to the start; the same one is used again.
void reconnect_client(Side& s) {
  s.begin();
  s.receive(kAnswer.size());
  const sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};
  s.call("disconnect", connect(s.fd.get(), &none, sizeof none));
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(s.port()), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  s.call("connect again", connect(s.fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to));
  send_all(s.fd.get(), kRequest);
  s.receive(kAnswer.size());
}
void reconnect_server(Side& s) {
  s.begin();
  send_all(s.fd.get(), kAnswer);
  char byte;
  recv(s.fd.get(), &byte, 1, 0);
  s.accept_only();
  s.read_request();
  send_all(s.fd.get(), kAnswer);
}

void fast_open_client(Side& s) {
  s.fd = Fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(s.port()), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  s.call("sendto", sendto(s.fd.get(), kRequest.data(), kRequest.size(), MSG_FASTOPEN | MSG_NOSIGNAL,
                          reinterpret_cast<sockaddr*>(&to), sizeof to));
  s.receive(kAnswer.size());
}
void answer_once(Side& s) {
  s.begin();
  send_all(s.fd.get(), kAnswer);
}

// A non-blocking connect, as event loops do it.
void nonblocking_client(Side& s) {
  s.fd = Fd(must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(s.port()), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int result = connect(s.fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to);
  s.say("connected or under way: {}", result == 0 || errno == EINPROGRESS);
  s.events("connected", POLLOUT);
  send_all(s.fd.get(), kRequest);
  s.events("answer", POLLIN);
  s.receive(kAnswer.size());
}

}  // namespace

const std::vector<Script>& ending_scripts() {
  static const std::vector<Script> scripts{
      {"half close", half_close_client, half_close_server},
      {"half close by the peer", peer_half_close_client, peer_half_close_server},
      {"reset by the peer, reading", reset_by_peer_client, reset_by_peer_server},
      {"reset by the peer, sending", reset_by_peer_sending_client, reset_by_peer_server},
      {"sends after a reset", after_reset_client, reset_by_peer_server, true},
      {"reset", reset_client, reset_server},
      {"SO_LINGER", linger_client, linger_server},
      {"nothing ever sent", silent_client, silent_server},
      {"the same socket connected again", reconnect_client, reconnect_server},
      {"TCP fast open", fast_open_client, answer_once},
      {"non-blocking connect", nonblocking_client, answer_once},
  };
  return scripts;
}

}  // namespace weft::test
