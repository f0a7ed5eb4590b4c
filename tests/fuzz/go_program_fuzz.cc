// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a program file, reading it ends: no crash, no endless loop, no memory without bound. The input is
// laid over a small Go program, so that most of it stays believable: offset (2 bytes), length (1 byte), bytes.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/go_program.h"
#include "support/fake_go.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string whole = weft::test::FakeGo{}.build();
  std::string bytes = whole;
  std::size_t at = 0;
  while (at + 3 < size) {
    const std::size_t offset = (data[at] | data[at + 1] << 8) % bytes.size();
    const std::size_t length = std::min({std::size_t{data[at + 2]}, size - at - 3, bytes.size() - offset});
    std::memcpy(bytes.data() + offset, data + at + 3, length);
    at += 3 + std::max<std::size_t>(length, 1);
  }
  if (size % 4 == 3) bytes.resize(bytes.size() - std::min<std::size_t>(bytes.size(), data[size - 1] * 16u));
  const int fd = memfd_create("program", MFD_CLOEXEC);
  if (write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()))
    weft::analyse_go_program("/proc/self/fd/" + std::to_string(fd));
  close(fd);
  return 0;
}
