// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace weft {

// Every cgroup has this file but the first one (Documentation/admin-guide/cgroup-v2.rst, "Core Interface Files").
bool is_cgroup_root(const std::string& path) {
  struct statfs of{};
  return ::statfs(path.c_str(), &of) == 0 && of.f_type == CGROUP2_SUPER_MAGIC &&
         ::access((path + "/cgroup.events").c_str(), F_OK) != 0 && errno == ENOENT;
}

std::string find_cgroup2_mount(const std::string& mounts_file) {
  std::ifstream mounts(mounts_file);
  std::string line, first;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string device, path, type;
    if (!(fields >> device >> path >> type) || type != "cgroup2") continue;
    if (is_cgroup_root(path)) return path;
    if (first.empty()) first = path;
  }
  return first;
}

}  // namespace weft
