// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace weft::test {

// Memory that is followed by a page nobody may touch: a read behind `end()` is a fault at once, with any compiler
// flags.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t capacity_bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    usable_bytes_ = (capacity_bytes + page - 1) / page * page;
    mapped_bytes_ = usable_bytes_ + page;
    void* memory = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    base_ = static_cast<uint8_t*>(memory);
    if (mprotect(base_ + usable_bytes_, page, PROT_NONE) != 0) abort();
  }
  ~GuardedBuffer() { munmap(base_, mapped_bytes_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  uint8_t* begin() { return base_; }
  uint8_t* end() { return base_ + usable_bytes_; }

 private:
  uint8_t* base_ = nullptr;
  size_t usable_bytes_ = 0;
  size_t mapped_bytes_ = 0;
};

}  // namespace weft::test
