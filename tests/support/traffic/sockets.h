// SPDX-License-Identifier: Apache-2.0
// Loopback TCP for tests: owned descriptors and the few calls every test needs. Failures end the test program with a
// line that names the call: a test that cannot run is a failure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weft::test {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// Prints "call: reason" to stderr and ends the process with code 70.
[[noreturn]] void die(std::string_view call);
int must(int result, std::string_view call);  // dies when negative

struct Listener {
  Fd fd;
  std::uint16_t port = 0;
};
Listener listen_on_loopback(bool ipv6 = false);
Fd accept_from(int listener);
Fd connect_to(std::uint16_t port, bool ipv6 = false, int send_buffer_bytes = 0, bool zerocopy = false);
void set_option(int fd, int level, int name, int value);
void set_nonblocking(int fd, bool on);
// False when `timeout_ms` passed first.
bool wait_for(int fd, short events, int timeout_ms);

bool send_all(int fd, std::string_view bytes);
// Reads up to the end of a head ("\r\n\r\n") and returns it; empty at end of stream.
std::string read_head(int fd);
std::string read_to_end(int fd);
// Reads that many bytes, whatever they are; fewer at end of stream.
std::size_t read_bytes(int fd, std::size_t bytes);

}  // namespace weft::test
