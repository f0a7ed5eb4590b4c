// SPDX-License-Identifier: Apache-2.0
// One request after the other over one connection, with as little work at both ends as there can be.
//   bench_exchange serve                  prints its port; serves one connection at a time
//   bench_exchange ask PORT HEAD BODY     for each line "WARM COUNT" on stdin: a new connection, WARM requests, then
//   the
//                                         nanoseconds that COUNT requests took, printed. HEAD, BODY in bytes; BODY 0 =
//                                         GET
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "e2e/apps/http.h"

namespace {

constexpr std::size_t kBuffer_bytes = 1u << 20;
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

std::uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Body bytes announced in a head; the requests are ours, so this is all there is to know.
std::size_t content_length(std::string_view head) {
  constexpr std::string_view name = "Content-Length: ";
  const std::size_t at = head.find(name);
  return at == head.npos ? 0 : std::strtoull(head.data() + at + name.size(), nullptr, 10);
}

void serve_one(int fd, std::vector<char>& buffer) {
  std::size_t have = 0, body_left = 0;
  for (;;) {
    const ssize_t n = recv(fd, buffer.data() + have, buffer.size() - have, 0);
    if (n <= 0) return;
    if (body_left) {
      body_left -= std::min(body_left, static_cast<std::size_t>(n));
      if (body_left == 0 && !send_all(fd, kAnswer)) return;
      continue;
    }
    have += static_cast<std::size_t>(n);
    const std::string_view text(buffer.data(), have);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == text.npos) continue;
    const std::size_t whole = end + 4 + content_length(text.substr(0, end + 2));
    body_left = whole > have ? whole - have : 0;
    have = 0;
    if (body_left == 0 && !send_all(fd, kAnswer)) return;
  }
}

int serve() {
  std::uint16_t port = 0;
  const int listener = weft::app::listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  std::vector<char> buffer(kBuffer_bytes);
  for (int fd; (fd = weft::app::accept_from(listener)) >= 0;) {
    serve_one(fd, buffer);
    close(fd);
  }
  return 0;
}

std::string make_head(std::size_t head_bytes, std::size_t body_bytes) {
  std::string head =
      body_bytes ? fmt::format("POST /some/path HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: {}\r\n", body_bytes)
                 : "GET /some/path HTTP/1.1\r\nHost: localhost:8080\r\n";
  head +=
      "User-Agent: some-client/1.2.3 (linux)\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
      "Content-Type: application/json\r\nConnection: keep-alive\r\nCookie: ";
  if (head.size() + 4 < head_bytes) head.append(head_bytes - 4 - head.size(), 'c');
  return head + "\r\n\r\n";
}

bool request(int fd, const std::string& head, const std::string& body) {
  char answer[kAnswer.size()];
  if (!send_all(fd, head) || !send_all(fd, body)) return false;
  return recv(fd, answer, sizeof answer, MSG_WAITALL) == static_cast<ssize_t>(sizeof answer);
}

int ask(std::uint16_t port, std::size_t head_bytes, std::size_t body_bytes) {
  const std::string head = make_head(head_bytes, body_bytes), body(body_bytes, 'b');
  unsigned long warm, count;
  while (std::scanf("%lu %lu", &warm, &count) == 2) {
    const int fd = weft::app::connect_to(port);
    bool fine = fd >= 0;
    for (unsigned long i = 0; fine && i < warm; i++) fine = request(fd, head, body);
    const std::uint64_t start = now_ns();
    for (unsigned long i = 0; fine && i < count; i++) fine = request(fd, head, body);
    const std::uint64_t took = now_ns() - start;
    close(fd);
    if (!fine) return 1;
    std::printf("%lu\n", static_cast<unsigned long>(took));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view how = argc > 1 ? argv[1] : "";
  if (how == "serve") return serve();
  if (how == "ask" && argc == 5)
    return ask(static_cast<std::uint16_t>(std::atoi(argv[2])), std::strtoull(argv[3], nullptr, 10),
               std::strtoull(argv[4], nullptr, 10));
  return 2;
}
