// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace weft::test {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address loopback(std::uint16_t port, bool ipv6) {
  Address address;
  if (ipv6) {
    sockaddr_in6 in{.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
    std::memcpy(&address.storage, &in, address.length = sizeof in);
  } else {
    sockaddr_in in{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    std::memcpy(&address.storage, &in, address.length = sizeof in);
  }
  return address;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void die(std::string_view call) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(call.size()), call.data(), std::strerror(errno));
  std::exit(70);
}

int must(int result, std::string_view call) {
  if (result < 0) die(call);
  return result;
}

Listener listen_on_loopback(bool ipv6) {
  Listener listener{.fd = Fd(must(socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"))};
  Address address = loopback(0, ipv6);
  must(bind(listener.fd.get(), address.get(), address.length), "bind");
  must(listen(listener.fd.get(), 128), "listen");
  must(getsockname(listener.fd.get(), address.get(), &address.length), "getsockname");
  listener.port = ntohs(ipv6 ? reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port
                             : reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
  return listener;
}

Fd accept_from(int listener) { return Fd(must(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept")); }

Fd connect_to(std::uint16_t port, bool ipv6, int send_buffer_bytes, bool zerocopy) {
  Fd fd(must(socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  if (send_buffer_bytes > 0) set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, send_buffer_bytes);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (zerocopy) set_option(fd.get(), SOL_SOCKET, SO_ZEROCOPY, 1);
  Address address = loopback(port, ipv6);
  must(connect(fd.get(), address.get(), address.length), "connect");
  return fd;
}

void set_option(int fd, int level, int name, int value) {
  must(setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

void set_nonblocking(int fd, bool on) {
  const int flags = must(fcntl(fd, F_GETFL), "fcntl");
  must(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK), "fcntl");
}

bool wait_for(int fd, short events, int timeout_ms) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  return must(poll(&entry, 1, timeout_ms), "poll") > 0;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      wait_for(fd, POLLOUT, 1000);
      continue;
    }
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string read_head(int fd) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte;
    if (recv(fd, &byte, 1, 0) != 1) return {};
    head.push_back(byte);
  }
  return head;
}

std::string read_to_end(int fd) {
  std::string all;
  char buffer[65536];
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
  return all;
}

std::size_t read_bytes(int fd, std::size_t bytes) {
  std::size_t left = bytes;
  char buffer[65536];
  while (left) {
    const ssize_t n = recv(fd, buffer, std::min(left, sizeof buffer), 0);
    if (n <= 0) break;
    left -= static_cast<std::size_t>(n);
  }
  return bytes - left;
}

}  // namespace weft::test
