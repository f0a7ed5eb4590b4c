// SPDX-License-Identifier: Apache-2.0
// As much HTTP/1.1 as the small test programs need, over blocking sockets, one read and one write a message.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace weft::app {

struct Head {
  std::string text;  // start line and fields, blank line included
  std::string body;  // by Content-Length only

  std::string_view start_line() const { return std::string_view(text).substr(0, text.find('\r')); }
  std::string field(std::string_view name) const {
    for (std::size_t at = text.find("\r\n"); at + 4 < text.size(); at = text.find("\r\n", at + 2)) {
      const char* line = text.c_str() + at + 2;
      if (strncasecmp(line, name.data(), name.size()) != 0 || line[name.size()] != ':') continue;
      const std::size_t value = text.find_first_not_of(" \t", at + 2 + name.size() + 1);
      return text.substr(value, text.find('\r', value) - value);
    }
    return {};
  }
  // The value of `key=` in the query of the request target.
  std::string query(std::string_view key) const {
    const std::string wanted = std::string(key) + "=";
    const std::size_t line_end = text.find("\r\n"), at = text.find(wanted);
    if (at == std::string::npos || at > line_end) return {};
    const std::size_t value = at + wanted.size();
    return text.substr(value, text.find_first_of("& ", value) - value);
  }
};

// A connection and what was read beyond the message before.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::optional<Head> read_message() {
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return std::nullopt;
    Head head{.text = buffer_.substr(0, end + 4), .body = {}};
    buffer_.erase(0, end + 4);
    const std::size_t length = std::strtoull(head.field("Content-Length").c_str(), nullptr, 10);
    while (buffer_.size() < length)
      if (!more()) return std::nullopt;
    head.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return head;
  }
  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool answer(std::string_view body) {
    return write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
                 "\r\n\r\n" + std::string(body));
  }

 private:
  bool more() {
    char bytes[16384];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
    if (n > 0) buffer_.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }

  const int fd_;
  std::string buffer_;
};

inline sockaddr_in loopback(std::uint16_t port) {
  return {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
}

inline void no_delay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// -1 when nobody listens.
inline int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    close(fd);
    return -1;
  }
  no_delay(fd);
  return fd;
}

// Listens on a port that the kernel chooses.
inline int listen_anywhere(std::uint16_t& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = loopback(0);
  socklen_t length = sizeof at;
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), length) != 0 || listen(fd, 512) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0)
    std::abort();
  port = ntohs(at.sin_port);
  return fd;
}

inline int accept_from(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) no_delay(fd);
  return fd;
}

}  // namespace weft::app
