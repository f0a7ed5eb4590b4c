// SPDX-License-Identifier: Apache-2.0
#include "discover/denied.h"

#include <cstring>

#include "base/utf8.h"

namespace weft {
namespace {

std::string sentence(const DeniedRead& read) {
  return "weftd may not read " + read.path + " (" + std::strerror(read.error) +
         "): it needs CAP_SYS_PTRACE over the process, which a user namespace or a security module may withhold";
}

}  // namespace

void DeniedProcesses::add(const DeniedRead& read, bool asked) {
  Process& process = processes_[read.pid];
  const bool same = process.start_ticks == read.start_ticks && process.asked == asked;
  process = {read.start_ticks, to_utf8_line(read.comm), sentence(read), asked, same && process.told};
}

void DeniedProcesses::keep_only(const std::set<pid_t>& pids) {
  std::erase_if(processes_, [&pids](const auto& entry) { return !pids.contains(entry.first); });
}

std::string DeniedProcesses::why(pid_t pid) const {
  const auto found = processes_.find(pid);
  return found == processes_.end() ? "" : found->second.why;
}

std::vector<std::string> DeniedProcesses::news(bool others_too) {
  std::vector<std::string> lines;
  std::size_t others = 0;
  std::string first;
  for (auto& [pid, process] : processes_) {
    if (process.told || (!process.asked && !others_too)) continue;
    process.told = true;
    const std::string who = std::to_string(pid) + " (" + process.name + ")";
    if (process.asked) {
      lines.push_back("process " + who + " is not traced: " + process.why);
    } else if (others++ == 0) {
      first = who + ": " + process.why;
    }
  }
  if (others != 0 && !told_of_others_) {
    told_of_others_ = true;
    lines.push_back("processes that may not be looked at are not traced, " + std::to_string(others) +
                    " so far (weft ps --all): " + first);
  }
  return lines;
}

}  // namespace weft
