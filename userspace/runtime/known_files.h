// SPDX-License-Identifier: Apache-2.0
// What was learned of ELF files, each read once.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/elf_file.h"
#include "runtime/file_id.h"

namespace weft {

// Thread-safe, bounded. What could not be read (gone, not allowed, no descriptor left) is asked for again: it may be
// readable the next time.
template <class Answer>
class KnownFiles {
 public:
  explicit KnownFiles(std::size_t most) : most_(most) {}

  // What `learn` says of the file at `path`; it is called with what came of opening it, unless the answer is known.
  template <class Learn>
  Answer of(const std::string& path, Learn learn) {
    const auto id = file_id(path);
    const std::scoped_lock lock(mutex_);
    if (const auto known = id ? known_.find(*id) : known_.end(); known != known_.end()) return known->second;
    std::optional<FileId> read;  // perhaps another than a moment ago: the process may have executed it since
    Answer answer = learn(ElfFile::open(path, &read));
    if (!read) return answer;
    if (known_.size() >= most_) known_.clear();
    known_.insert_or_assign(*read, answer);
    return answer;
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::map<FileId, Answer> known_;
};

}  // namespace weft
