// SPDX-License-Identifier: Apache-2.0
// Tables that few nodes need, made when they are first needed: see bpf/maps/late.h. Private to kernel/.
#pragma once

#include <cstdint>
#include <future>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "kernel/skeleton.h"
#include "kernel/unique_fd.h"

namespace weft {

class LateTables {
 public:
  // What tables are for.
  enum class Use : std::uint8_t {
    goroutines,
    kafka_requests,
    kafka_topics,
    kafka_producers,
    kafka_consumers,
    tls,
    openssl,
    grpc_core
  };

  // REQUIRES: the skeleton is opened, not loaded (loading forgets what the tables are to be like), and outlives this.
  explicit LateTables(const weft_bpf& skeleton);
  // All of that use, as far as they are not there; programs find them from then on. Takes a millisecond or two, and a
  // failure is to be had again: it is tried anew. From any thread.
  Result<void> make(Use use);
  int fd_of(const bpf_map* place) const;                 // -1: it is not made
  std::uint32_t entries_of(const bpf_map* place) const;  // when it is

 private:
  struct Wanted {
    Use use;
    const bpf_map* place;
    std::uint32_t type, key_bytes, value_bytes, flags, entries;
    UniqueFd table;
    std::future<int> put;
  };
  static Result<void> put(Wanted& wanted, UniqueFd table);
  static UniqueFd create(const Wanted& wanted);
  const Wanted* find(const bpf_map* place) const;

  mutable std::mutex mutex_;
  std::vector<Wanted> tables_;
};

}  // namespace weft
