// SPDX-License-Identifier: Apache-2.0
// One end of a scripted conversation: what it did and what the kernel answered, as text that two runs can compare.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/traffic/sockets.h"

namespace weft::test {

class Side {
 public:
  Side(int channel, std::uint16_t port, int listener) : channel_(channel), port_(port), listener_(listener) {}

  Fd fd;
  std::string log;

  std::uint16_t port() const { return port_; }
  // Client: connects and sends a whole request. Server: accepts and reads its head, which is not written down.
  void begin(std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  void connect_only() { fd = connect_to(port_); }
  void accept_only() { fd = accept_from(listener_); }
  void read_request() { read_head(fd.get()); }
  // Both ends have come here.
  void meet();

  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    log += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  // "name = result" or "name = -ERRNO"; returns the result.
  long call(std::string_view name, long result);
  // Names of the poll events that are there now; waits for `wanted` first (without end: the harness has a time limit).
  void events(std::string_view name, short wanted);
  void events_now(std::string_view name);
  // Receives exactly n bytes and writes them down.
  void receive(std::size_t n);
  void to_end();

 private:
  const int channel_;
  const std::uint16_t port_;
  const int listener_;
};

struct Script {
  const char* name;
  void (*client)(Side&);
  void (*server)(Side&);
  bool kernel_limit = false;  // kernels treat members in another way here: printed, not asserted
};

const std::vector<Script>& receiving_scripts();
const std::vector<Script>& sending_scripts();
const std::vector<Script>& ending_scripts();

}  // namespace weft::test
