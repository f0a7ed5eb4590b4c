// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weft {

// Where cgroup v2 is mounted, as /proc/mounts says (hybrid layouts keep it at /sys/fs/cgroup/unified). Empty: nowhere.
std::string find_cgroup2_mount(const std::string& mounts_file = "/proc/mounts");

}  // namespace weft
