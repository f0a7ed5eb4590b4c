// SPDX-License-Identifier: Apache-2.0
// Where a process is given Kafka records: the functions of librdkafka that produce and consume, wherever it has them. A
// library of the system, one that came with a package of Python, Node or Ruby, or the program itself, as long as it has
// symbols.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/known_files.h"
#include "runtime/librdkafka_layout.h"
#include "runtime/mapped_files.h"

namespace weft {

enum class RdkafkaCall : std::uint8_t {
  produce,
  producev,
  produceva,
  produce_batch,
  // These give the application records, those behind end what it does with one.
  consumer_poll,
  consume,
  consume_queue,
  consume_batch,
  consume_batch_queue,
  consume_callback,
  consume_callback_queue,
  consume_stop,
  consumer_close,
};

struct RdkafkaSite {
  RdkafkaCall call;
  std::uint64_t offset = 0;  // in the file, of the first instruction or, where that is ENDBR64, the next one
  bool operator==(const RdkafkaSite&) const = default;
};

struct RdkafkaSites {
  std::vector<RdkafkaSite> produce, consume;
  std::optional<RdkafkaLayout> layout;  // without it a record that is consumed cannot be read
};

struct RdkafkaLibrary {
  std::string path;  // through which the agent can open the file
  RdkafkaSites sites;
};

// Thread-safe, bounded. Files are read once: the answer is kept by device, inode and modification time.
class LibrdkafkaFinder {
 public:
  explicit LibrdkafkaFinder(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}
  // Of all that the process has mapped; several where it has two.
  std::vector<RdkafkaLibrary> find(pid_t pid);

 private:
  std::string proc_root_;
  KnownFiles<RdkafkaSites> known_{4096};
};

}  // namespace weft
