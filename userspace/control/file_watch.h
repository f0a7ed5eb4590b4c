// SPDX-License-Identifier: Apache-2.0
// Says when a file may have another content: written and closed, replaced by renaming, removed or there again, its
// symbolic link or one on the way to it turned (as Kubernetes does with mounted ConfigMaps: baggage.yaml -> ..data/…,
// ..data -> ..2026_11_28). By inotify on every folder on the way; where that is not to be had, by looking.
#pragma once

#include <sys/stat.h>

#include <map>
#include <set>
#include <string>

#include "kernel/unique_fd.h"

namespace weft {

class FileWatch {
 public:
  // The file need not exist. A relative path counts from the current folder.
  explicit FileWatch(const std::string& path);

  // Becomes readable when changed() may answer true; -1: only asking tells (once a second is enough).
  int fd() const { return inotify_.get(); }

  // True once after every change. A writer that has the file open is waited for: half a file is no change. Never
  // blocks.
  bool changed();

 private:
  // What tells one content from another as far as a folder knows.
  struct Look {
    int error = 0;  // of stat
    dev_t device = 0;
    ino_t inode = 0;
    off_t bytes = 0;
    timespec modified{};
    bool operator==(const Look& other) const;
  };
  Look look() const;
  bool looks_changed();
  bool drain();
  bool concerns(int folder, unsigned mask, const char* name) const;
  void arm();

  const std::string path_;
  UniqueFd inotify_;
  bool complete_ = false;                         // every folder on the way is watched
  std::map<int, std::set<std::string>> folders_;  // watch descriptor: names that matter in it
  std::map<int, std::string> paths_;              // … and the folder's path
  Look accepted_, pending_;
};

}  // namespace weft
