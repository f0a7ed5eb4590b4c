// SPDX-License-Identifier: Apache-2.0
#include "runtime/libc_ioctl.h"

#include <string_view>

namespace weft {
namespace {

std::optional<std::uint64_t> ioctl_offset(const Result<ElfFile>& file) {
  return file ? file->dynamic_function_offset("ioctl") : std::nullopt;
}

}  // namespace

bool is_libc_name(std::string_view name) {
  if (name == "libc.so.6" || name == "libc.so") return true;
  if (name.starts_with("libc.musl-") || name.starts_with("ld-musl-")) return name.find(".so") != name.npos;
  return name.starts_with("libc-2.") && name.ends_with(".so");
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
    if (const auto offset = known_.of(file.path, ioctl_offset)) {
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
