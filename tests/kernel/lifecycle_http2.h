// SPDX-License-Identifier: Apache-2.0
// HTTP/2 as the smallest frames that mean something, and a connection of the traced program's own that speaks it.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <string>

#include "lifecycle_scene.h"

namespace weft::test {

inline const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);
inline const std::string kSettings("\0\0\0\4\0\0\0\0\0", 9);
// HEADERS, stream 1, all of it: GET http / of an authority "a".
inline const std::string kRequest("\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1a", 15);

// What the kernel programs have counted as going wrong.
inline std::string errors(Scene& scene) {
  std::string all;
  for (const auto& [key, count] : scene.counters().errors)
    if (count > 0) all += fmt::format("{} {} {}\n", key.program, key.reason, count);
  return all;
}

inline std::string request_on(int stream, const std::string& fields = {}) {
  std::string frame = kRequest + fields;
  frame[1] = static_cast<char>((frame.size() - 9) >> 8);
  frame[2] = static_cast<char>(frame.size() - 9);
  frame[8] = static_cast<char>(stream);
  return frame;
}

inline std::string answer_on(int stream) {
  std::string frame("\0\0\1\1\5\0\0\0\1\x88", 10);
  frame[8] = static_cast<char>(stream);
  return frame;
}

// A connection of the program's own, to a server that the test plays.
struct Call {
  Scene& scene;
  int fd;
  Fd server;
  int stream = -1;

  explicit Call(Scene& of)
      : scene(of), fd(of.number("a", fmt::format("connect {}", of.sink()))), server(of.accept_at_sink()) {}

  std::string sends(const std::string& bytes) {
    REQUIRE(scene.tell("a", fmt::format("send {}", fd), bytes) == "sent");
    std::string came(65536, 0);
    const ssize_t n = recv(server.get(), came.data(), came.size(), 0);
    REQUIRE(n > 0);
    return came.substr(0, static_cast<std::size_t>(n));
  }
  void hears(const std::string& bytes) {
    REQUIRE(send_all(server.get(), bytes));
    REQUIRE(scene.number("a", fmt::format("recv {}", fd)) > 0);
  }
  // Has the request a context? `fields` are bytes of its header block.
  bool asks(const std::string& fields = {}) {
    stream += 2;
    const std::string came = sends(request_on(stream, fields));
    hears(answer_on(stream));
    scene.requests();  // the agent's part is done: it may become a member now
    return came.find("traceparent") != std::string::npos;
  }
};

}  // namespace weft::test
