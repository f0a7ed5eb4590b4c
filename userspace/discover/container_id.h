// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace weft {

// The container's id from the text of /proc/PID/cgroup (cgroup v1, v2 and hybrid) as Docker, containerd, CRI-O,
// Podman and ECS write it; empty when the process is in no container.
std::string container_id_of_cgroup(std::string_view cgroup_text);

}  // namespace weft
