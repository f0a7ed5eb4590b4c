// SPDX-License-Identifier: Apache-2.0
#include "runtime/mapped_files.h"

#include <fstream>
#include <set>

namespace weft {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

struct Mapping {
  std::string range;  // "7f00-7f10", the name of its link in map_files
  std::string path;   // as the process sees it
};

// "7f..-7f.. r-xp 00028000 08:01 1234      /usr/lib/x86_64-linux-gnu/libc.so.6"
std::optional<Mapping> executable_mapping(std::string_view line) {
  const std::size_t space = line.find(' ');
  const std::size_t slash = line.find('/');
  if (space == std::string_view::npos || slash == std::string_view::npos) return std::nullopt;
  const std::string_view permissions = line.substr(space + 1, 4);
  if (permissions.size() != 4 || permissions[2] != 'x') return std::nullopt;
  return Mapping{std::string(line.substr(0, space)), std::string(line.substr(slash))};
}

}  // namespace

std::optional<std::vector<MappedFile>> mapped_files(std::string_view proc_root, pid_t pid) {
  const std::string process = std::string(proc_root) + '/' + std::to_string(pid);
  std::ifstream maps(process + "/maps");
  if (!maps) return std::nullopt;
  std::vector<MappedFile> files;
  std::set<std::string> seen;
  for (std::string line; std::getline(maps, line);) {
    auto mapping = executable_mapping(line);
    if (!mapping) continue;
    const bool deleted = mapping->path.ends_with(kDeleted);
    if (!seen.insert(mapping->path).second) continue;
    if (deleted) mapping->path.resize(mapping->path.size() - kDeleted.size());
    // A file that an upgrade replaced is still reachable through the mapping itself.
    files.push_back({deleted ? process + "/map_files/" + mapping->range : process + "/root" + mapping->path,
                     mapping->path.substr(mapping->path.rfind('/') + 1)});
  }
  return files;
}

}  // namespace weft
