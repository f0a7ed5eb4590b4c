// SPDX-License-Identifier: Apache-2.0
#include "kernel/cgroup.h"

#include <fstream>
#include <sstream>

namespace weft {

std::string find_cgroup2_mount(const std::string& mounts_file) {
  std::ifstream mounts(mounts_file);
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string device, path, type;
    if (fields >> device >> path >> type && type == "cgroup2") return path;
  }
  return {};
}

}  // namespace weft
