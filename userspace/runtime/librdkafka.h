// SPDX-License-Identifier: Apache-2.0
// Where a process is given Kafka records: the functions of librdkafka that produce, wherever it has them. A library of
// the system, one that came with a package of Python, Node or Ruby, or the program itself, as long as it has symbols.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/mapped_files.h"

namespace weft {

enum class RdkafkaCall : std::uint8_t { produce, producev, produceva, produce_batch };

struct RdkafkaSite {
  RdkafkaCall call;
  std::uint64_t offset = 0;  // in the file, of the first instruction or, where that is ENDBR64, the next one
  bool operator==(const RdkafkaSite&) const = default;
};

struct RdkafkaLibrary {
  std::string path;  // through which the agent can open the file
  std::vector<RdkafkaSite> sites;
};

// Thread-safe, bounded. Files are read once: the answer is kept by device, inode and modification time.
class LibrdkafkaFinder {
 public:
  explicit LibrdkafkaFinder(std::string proc_root = "/proc") : proc_root_(std::move(proc_root)) {}
  // Of all that the process has mapped; several where it has two.
  std::vector<RdkafkaLibrary> find(pid_t pid);

 private:
  std::vector<RdkafkaSite> sites_of(const MappedFile& mapped, const FileId& id);

  std::string proc_root_;
  std::mutex mutex_;
  std::map<FileId, std::vector<RdkafkaSite>> known_;
};

}  // namespace weft
