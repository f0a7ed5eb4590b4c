// SPDX-License-Identifier: Apache-2.0
// Processes that weft may not look at. What they execute is not known, so that no rule can be asked: they are not
// traced, and that is said.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "discover/process_info.h"

namespace weft {

class DeniedProcesses {
 public:
  struct Process {
    std::uint64_t start_ticks = 0;
    std::string name;    // the kernel's, valid UTF-8
    std::string why;     // one sentence
    bool asked = false;  // for: by its pid, or as the child of one that is traced
    bool told = false;   // in the log
  };

  void add(const DeniedRead& read, bool asked);
  void remove(pid_t pid) { processes_.erase(pid); }
  void keep_only(const std::set<pid_t>& pids);
  bool contains(pid_t pid) const { return processes_.contains(pid); }
  std::string why(pid_t pid) const;  // empty: it is none of them
  const std::map<pid_t, Process>& all() const { return processes_; }

  // Lines for the log that are new: one for each process that is asked for, and a single one for all others, of which a
  // machine may have hundreds. `others_too`: an entry could have matched one of them.
  std::vector<std::string> news(bool others_too);

 private:
  std::map<pid_t, Process> processes_;
  bool told_of_others_ = false;
};

}  // namespace weft
