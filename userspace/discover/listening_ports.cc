// SPDX-License-Identifier: Apache-2.0
#include "discover/listening_ports.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

namespace weft {
namespace {

// The kernel lists listening sockets before all others, so the start of a long table is nearly always enough.
constexpr std::size_t kTableStart_bytes = 64u << 10;
constexpr std::size_t kMaxTable_bytes = 4u << 20;  // some 25,000 sockets
constexpr std::string_view kSocket = "socket:[";

bool wants(const std::vector<PortRange>& wanted, std::uint16_t port) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [port](const PortRange& range) { return range.first <= port && port <= range.last; });
}

// "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 12345 1 …": returns false when
// the line is a socket in another state than LISTEN (0A).
bool take_line(std::string_view line, std::map<std::uint64_t, std::uint16_t>& into) {
  std::string_view fields[10];
  std::size_t count = 0;
  while (count < 10) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    const std::size_t end = line.find(' ');
    fields[count++] = line.substr(0, end);
    if (end == std::string_view::npos) break;
    line.remove_prefix(end);
  }
  if (count < 10 || fields[0] == "sl") return true;
  if (fields[3] != "0A") return false;
  const std::size_t colon = fields[1].rfind(':');
  if (colon == std::string_view::npos) return true;
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  std::from_chars(fields[1].data() + colon + 1, fields[1].data() + fields[1].size(), port, 16);
  std::from_chars(fields[9].data(), fields[9].data() + fields[9].size(), inode);
  if (port != 0 && inode != 0) into[inode] = port;
  return true;
}

}  // namespace

bool parse_listening(std::string_view text, std::map<std::uint64_t, std::uint16_t>& into) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    if (!take_line(text.substr(0, newline), into)) return false;
    if (newline == std::string_view::npos) break;
    text.remove_prefix(newline + 1);
  }
  return true;
}

const ListeningPorts::Table& ListeningPorts::table_of(pid_t member, std::uint64_t net_namespace) {
  const auto known = tables_.find(net_namespace);
  if (known != tables_.end() && net_namespace != 0) return known->second;
  Table table;
  for (const std::string_view name : {"net/tcp", "net/tcp6"}) {
    for (const std::size_t limit_bytes : {kTableStart_bytes, kMaxTable_bytes}) {
      const auto text = files_.read(member, name, limit_bytes);
      // A cut last line is the first one of the next attempt's business.
      if (!text || !parse_listening(*text, table) || text->size() < limit_bytes) break;
    }
  }
  return tables_[net_namespace] = std::move(table);
}

void ListeningPorts::renew() {
  before_ = std::move(tables_);
  tables_.clear();
}

bool ListeningPorts::changed(pid_t member, std::uint64_t net_namespace) {
  const auto before = before_.find(net_namespace);
  return before == before_.end() || before->second != table_of(member, net_namespace);
}

std::vector<std::uint16_t> ListeningPorts::of(const ProcessInfo& process, const std::vector<PortRange>& wanted) {
  std::vector<std::uint16_t> ports;
  Table left;  // what no descriptor has named yet
  for (const auto& [inode, port] : table_of(process.pid, process.net_namespace)) {
    if (wants(wanted, port)) left[inode] = port;
  }
  if (left.empty()) return ports;
  files_.each_fd(process.pid, [&](std::string_view target) {
    if (!target.starts_with(kSocket)) return true;
    std::uint64_t inode = 0;
    std::from_chars(target.data() + kSocket.size(), target.data() + target.size(), inode);
    if (const auto socket = left.extract(inode)) ports.push_back(socket.mapped());
    return !left.empty();
  });
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

}  // namespace weft
