// SPDX-License-Identifier: Apache-2.0
#include "support/raw_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace weft::test {
namespace {

int listen_on_loopback(int& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 16) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("test server: cannot listen on loopback");
  port = ntohs(address.sin_port);
  return fd;
}

bool readable(int fd, int wait_ms) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&ready, 1, wait_ms) > 0;
}

}  // namespace

std::string RawRequest::header(std::string_view name) const {
  std::size_t line = head.find("\r\n");
  while (line != head.npos) {
    const std::size_t start = line + 2, end = head.find("\r\n", start), colon = head.find(':', start);
    if (end == head.npos || colon == head.npos || colon > end) break;
    if (colon - start == name.size() && strncasecmp(head.data() + start, name.data(), name.size()) == 0) {
      const std::size_t value = head.find_first_not_of(' ', colon + 1);
      return head.substr(value, end - value);
    }
    line = end;
  }
  return "";
}

RawServer::RawServer(Behaviour behaviour)
    : behaviour_(std::move(behaviour)), listener_(listen_on_loopback(port_)), acceptor_([this] { accept_loop(); }) {}

RawServer::~RawServer() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& worker : workers_) worker.join();
  close(listener_);
}

std::string RawServer::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

std::vector<RawRequest> RawServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool RawServer::send_text(int fd, std::string_view text) {
  while (!text.empty()) {
    if (stopping_) return false;
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool RawServer::answer(int fd, std::string_view status_line, std::string_view headers, std::string_view body) {
  return send_text(fd, "HTTP/1.1 " + std::string(status_line) + "\r\n" + std::string(headers) +
                           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
}

bool RawServer::hang(int fd) {
  char byte;
  while (!stopping_)
    if (readable(fd, 20) && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0) break;
  return false;
}

bool RawServer::drip(int fd, std::string_view head) {
  if (!send_text(fd, head)) return false;
  while (send_text(fd, "x")) poll(nullptr, 0, 5);
  return false;
}

void RawServer::accept_loop() {
  while (!stopping_) {
    if (!readable(listener_, 20)) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    connections_++;
    workers_.emplace_back([this, fd] { serve(fd); });
  }
}

void RawServer::serve(int fd) {
  std::string buffer;
  RawRequest request;
  while (read_request(fd, buffer, request)) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    if (!behaviour_(*this, fd, request)) break;
  }
  close(fd);
}

bool RawServer::read_request(int fd, std::string& buffer, RawRequest& request) {
  while (!stopping_) {
    if (const std::size_t end = buffer.find("\r\n\r\n"); end != buffer.npos) {
      request.head = buffer.substr(0, end + 4);
      const std::size_t length = std::strtoul(request.header("Content-Length").c_str(), nullptr, 10);
      if (buffer.size() >= end + 4 + length) {
        request.body = buffer.substr(end + 4, length);
        buffer.erase(0, end + 4 + length);
        return true;
      }
    }
    if (!readable(fd, 20)) continue;
    char piece[16384];
    const ssize_t n = recv(fd, piece, sizeof(piece), 0);
    if (n <= 0) return false;
    buffer.append(piece, static_cast<std::size_t>(n));
  }
  return false;
}

int dead_port() {
  int port = 0;
  close(listen_on_loopback(port));
  return port;
}

}  // namespace weft::test
