// SPDX-License-Identifier: Apache-2.0
#include "runtime/libc_ioctl.h"

#include <sys/stat.h>

#include <fstream>
#include <set>
#include <string_view>

#include "runtime/elf_file.h"

namespace weft {
namespace {

constexpr std::size_t kMaxKnown = 256;
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

bool is_libc_name(std::string_view name) {
  if (name == "libc.so.6" || name == "libc.so") return true;
  if (name.starts_with("libc.musl-") || name.starts_with("ld-musl-")) return name.find(".so") != name.npos;
  return name.starts_with("libc-2.") && name.ends_with(".so");
}

std::optional<std::uint64_t> LibcIoctlFinder::offset_of(const std::string& path, const FileId& id) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  std::optional<std::uint64_t> offset;
  if (auto file = ElfFile::open(path)) offset = file->dynamic_function_offset("ioctl");
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[id] = offset;
  return offset;
}

IoctlSites LibcIoctlFinder::find(pid_t pid) {
  IoctlSites result;
  const std::string process = proc_root_ + '/' + std::to_string(pid);
  std::ifstream maps(process + "/maps");
  if (!maps) {
    result.explanation = "the memory map of process " + std::to_string(pid) + " cannot be read";
    return result;
  }
  result.outcome = IoctlSites::Outcome::no_libc;
  std::set<std::string> looked_at;
  for (std::string line; std::getline(maps, line);) {
    auto mapping = executable_mapping(line);
    if (!mapping) continue;
    const bool deleted = mapping->path.ends_with(kDeleted);
    if (deleted) mapping->path.resize(mapping->path.size() - kDeleted.size());
    const std::string_view name = std::string_view(mapping->path).substr(mapping->path.rfind('/') + 1);
    if (!is_libc_name(name) || !looked_at.insert(mapping->path).second) continue;
    if (result.sites.empty()) result.outcome = IoctlSites::Outcome::no_symbol;
    // A library that an upgrade replaced is still reachable through the mapping itself.
    const std::string path = deleted ? process + "/map_files/" + mapping->range : process + "/root" + mapping->path;
    struct stat file{};
    if (stat(path.c_str(), &file) != 0) continue;
    const FileId id{file.st_dev, file.st_ino, file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec};
    if (const auto offset = offset_of(path, id)) {
      result.sites.push_back({path, *offset, file.st_dev, file.st_ino});
      result.outcome = IoctlSites::Outcome::found;
    }
  }
  if (result.outcome == IoctlSites::Outcome::no_libc) {
    result.explanation = "statically linked: no C library is mapped, so a FIONREAD cannot be noticed";
  } else if (result.outcome == IoctlSites::Outcome::no_symbol) {
    result.explanation = "its C library has no readable ioctl symbol, so a FIONREAD cannot be noticed";
  }
  return result;
}

}  // namespace weft
