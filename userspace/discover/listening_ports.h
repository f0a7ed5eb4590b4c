// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "discover/proc_files.h"
#include "discover/process_info.h"
#include "discover/rules.h"

namespace weft {

// Listening TCP ports of processes. The table of a network namespace is read once between two renew() calls; the
// descriptors of a process are looked through only when its namespace has a port that is asked for.
class ListeningPorts {
 public:
  explicit ListeningPorts(const ProcFiles& files) : files_(files) {}

  std::vector<std::uint16_t> of(const ProcessInfo& process, const std::vector<PortRange>& wanted);
  void renew();

  // Another set of listening sockets in this namespace than before the last renew().
  bool changed(pid_t member, std::uint64_t net_namespace);

 private:
  using Table = std::map<std::uint64_t, std::uint16_t>;  // socket inode → port
  const Table& table_of(pid_t member, std::uint64_t net_namespace);

  const ProcFiles& files_;
  std::map<std::uint64_t, Table> tables_;  // by network namespace
  std::map<std::uint64_t, Table> before_;
};

// Adds the listening sockets of the text of /proc/net/tcp or tcp6. The kernel lists those first: false = the rest of
// the file has none.
bool parse_listening(std::string_view text, std::map<std::uint64_t, std::uint16_t>& into);

}  // namespace weft
