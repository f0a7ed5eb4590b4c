// SPDX-License-Identifier: Apache-2.0
#include "support/traffic/uring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weft::test {
namespace {

constexpr unsigned kEntries = 4;

std::size_t rings_bytes(const io_uring_params& facts) {
  return std::max<std::size_t>(facts.sq_off.array + facts.sq_entries * sizeof(unsigned),
                               facts.cq_off.cqes + facts.cq_entries * sizeof(io_uring_cqe));
}

void* mapped(int fd, std::size_t bytes, std::uint64_t offset) {
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, static_cast<off_t>(offset));
  if (memory == MAP_FAILED) die("mmap of io_uring");
  return memory;
}

std::atomic_ref<unsigned> counter(char* rings, unsigned offset) {
  return std::atomic_ref<unsigned>(*reinterpret_cast<unsigned*>(rings + offset));
}

}  // namespace

Uring::Uring() {
  ring_ = Fd(must(static_cast<int>(syscall(SYS_io_uring_setup, kEntries, &facts_)), "io_uring_setup"));
  rings_ = static_cast<char*>(mapped(ring_.get(), rings_bytes(facts_), IORING_OFF_SQ_RING));  // both, since Linux 5.4
  entries_ = static_cast<io_uring_sqe*>(mapped(ring_.get(), facts_.sq_entries * sizeof *entries_, IORING_OFF_SQES));
}

Uring::~Uring() {
  munmap(rings_, rings_bytes(facts_));
  munmap(entries_, facts_.sq_entries * sizeof *entries_);
}

void Uring::receive(int fd, void* room, std::size_t bytes) { submit(IORING_OP_RECV, fd, room, bytes); }
void Uring::send(int fd, const void* data, std::size_t bytes) { submit(IORING_OP_SEND, fd, data, bytes); }

void Uring::submit(unsigned operation, int fd, const void* data, std::size_t bytes) {
  const auto tail = counter(rings_, facts_.sq_off.tail);
  const unsigned slot = tail & (facts_.sq_entries - 1);
  entries_[slot] = {};
  entries_[slot].opcode = static_cast<__u8>(operation);
  entries_[slot].fd = fd;
  entries_[slot].addr = reinterpret_cast<std::uintptr_t>(data);
  entries_[slot].len = static_cast<__u32>(bytes);
  reinterpret_cast<unsigned*>(rings_ + facts_.sq_off.array)[slot] = slot;
  tail.store(tail + 1, std::memory_order_release);
  must(static_cast<int>(syscall(SYS_io_uring_enter, ring_.get(), 1, 0, 0, nullptr, 0)), "io_uring_enter");
}

int Uring::result() {
  const auto head = counter(rings_, facts_.cq_off.head);
  while (counter(rings_, facts_.cq_off.tail).load(std::memory_order_acquire) == head)
    must(static_cast<int>(syscall(SYS_io_uring_enter, ring_.get(), 0, 1, IORING_ENTER_GETEVENTS, nullptr, 0)),
         "io_uring_enter");
  const unsigned slot = head & (facts_.cq_entries - 1);
  const int result = reinterpret_cast<io_uring_cqe*>(rings_ + facts_.cq_off.cqes)[slot].res;
  head.store(head + 1, std::memory_order_release);
  return result;
}

}  // namespace weft::test
