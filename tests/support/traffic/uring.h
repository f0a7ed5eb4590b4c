// SPDX-License-Identifier: Apache-2.0
// io_uring by its system calls: one operation at a time, of one thread.
#pragma once

#include <linux/io_uring.h>

#include <cstddef>

#include "support/traffic/sockets.h"

namespace weft::test {

class Uring {
 public:
  Uring();
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  // Handed to the kernel; not waited for. What they point to has to stay until result().
  void receive(int fd, void* room, std::size_t bytes);
  void send(int fd, const void* data, std::size_t bytes);
  int result();  // of the operation that was submitted: bytes, or a negative error

 private:
  void submit(unsigned operation, int fd, const void* data, std::size_t bytes);

  Fd ring_;
  io_uring_params facts_{};
  char* rings_ = nullptr;
  io_uring_sqe* entries_ = nullptr;
};

}  // namespace weft::test
