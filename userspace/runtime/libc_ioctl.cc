// SPDX-License-Identifier: Apache-2.0
#include "runtime/libc_ioctl.h"

#include <string_view>

#include "runtime/elf_file.h"

namespace weft {
namespace {

constexpr std::size_t kMostLibcs = 256;

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
  if (known_.size() >= kMostLibcs) known_.clear();
  known_[id] = offset;
  return offset;
}

IoctlSites LibcIoctlFinder::find(pid_t pid) {
  IoctlSites result;
  const auto files = mapped_files(proc_root_, pid);
  if (!files) {
    result.explanation = "the memory map of process " + std::to_string(pid) + " cannot be read";
    return result;
  }
  result.outcome = IoctlSites::Outcome::no_libc;
  for (const auto& file : *files) {
    if (!is_libc_name(file.name)) continue;
    if (result.sites.empty()) result.outcome = IoctlSites::Outcome::no_symbol;
    const auto id = file.id();
    if (!id) continue;
    if (const auto offset = offset_of(file.path, *id)) {
      result.sites.push_back({file.path, *offset, std::get<0>(*id), std::get<1>(*id)});
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
