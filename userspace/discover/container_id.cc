// SPDX-License-Identifier: Apache-2.0
#include "discover/container_id.h"

#include <algorithm>
#include <cctype>

namespace weft {
namespace {

bool all_of(std::string_view text, int (*kind)(int)) {
  return std::all_of(text.begin(), text.end(), [kind](unsigned char c) { return kind(c) != 0; });
}

// Fargate names a container TASK-NUMBER: 32 hex digits and about ten decimal ones.
bool is_fargate_id(std::string_view text) {
  return text.size() > 34 && text.size() <= 43 && text[32] == '-' && all_of(text.substr(0, 32), std::isxdigit) &&
         all_of(text.substr(33), std::isdigit);
}

// One path component: ID, RUNTIME-ID.scope, or …:cri-containerd:ID.
std::string_view id_of_component(std::string_view component) {
  if (component.ends_with(".scope")) component.remove_suffix(6);
  if (is_fargate_id(component)) return component;
  if (component.size() < 64) return {};
  const std::string_view id = component.substr(component.size() - 64);
  if (!all_of(id, std::isxdigit)) return {};
  const std::string_view before = component.substr(0, component.size() - 64);
  if (before.empty()) return id;
  // conmon watches over a container of Podman or CRI-O from outside.
  if (before.find("conmon") != std::string_view::npos) return {};
  return before.back() == '-' || before.back() == ':' ? id : std::string_view{};
}

std::string_view id_of_path(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string_view component = slash == std::string_view::npos ? path : path.substr(slash + 1);
    if (const std::string_view id = id_of_component(component); !id.empty()) return id;
    if (slash == std::string_view::npos) break;
    path = path.substr(0, slash);  // a container may have cgroups of its own below its own
  }
  return {};
}

}  // namespace

std::string container_id_of_cgroup(std::string_view cgroup_text) {
  while (!cgroup_text.empty()) {
    const std::size_t newline = cgroup_text.find('\n');
    const std::string_view line = cgroup_text.substr(0, newline);  // hierarchy:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second != std::string_view::npos) {
      if (const std::string_view id = id_of_path(line.substr(second + 1)); !id.empty()) return std::string(id);
    }
    if (newline == std::string_view::npos) break;
    cgroup_text.remove_prefix(newline + 1);
  }
  return {};
}

}  // namespace weft
