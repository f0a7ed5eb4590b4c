// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weft {

// Where cgroup v2 is mounted, as /proc/mounts says (hybrid layouts keep it at /sys/fs/cgroup/unified). Of
// several the first with the whole hierarchy: in a container there may be its own part and, beside it, the host's.
// Empty: nowhere.
std::string find_cgroup2_mount(const std::string& mounts_file = "/proc/mounts");
// Is all of the machine below it? False: a container's part, for one.
bool is_cgroup_root(const std::string& path);

}  // namespace weft
