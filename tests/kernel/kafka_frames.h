// SPDX-License-Identifier: Apache-2.0
// Frames of Kafka on live sockets, as both sides of a test send and read them.
#pragma once
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "support/kafka/produce.h"
#include "support/traffic/agent.h"

namespace weft::test::kafka {

inline Bytes number(std::uint32_t value) {
  Bytes out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

inline std::uint32_t number_at(const Bytes& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; i++) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

inline Bytes api_versions() {
  const Bytes rest = Bytes("\0\22\0\0\0\0\0\0\0\4test", 14);
  return number(static_cast<std::uint32_t>(rest.size())) + rest;
}

inline std::optional<Bytes> read_frame(int fd) {
  Bytes bytes;
  const auto read_up_to = [&](std::size_t size) {
    char buffer[65536];
    while (bytes.size() < size) {
      const ssize_t n = ::recv(fd, buffer, std::min(size - bytes.size(), sizeof buffer), 0);
      if (n <= 0) return false;
      bytes.append(buffer, static_cast<std::size_t>(n));
    }
    return true;
  };
  if (!read_up_to(4) || !read_up_to(4 + number_at(bytes, 0))) return std::nullopt;
  return bytes;
}

inline std::unique_ptr<TestAgent> agent_now() {
  auto agent = TestAgent::start({}, true);
  REQUIRE(agent);
  return std::move(*agent);
}

}  // namespace weft::test::kafka
