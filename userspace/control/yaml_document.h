// SPDX-License-Identifier: Apache-2.0
// The one document of a YAML text.
#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>

namespace weft {

// Nothing when there is no document. Throws YAML::Exception: not YAML, or a second document. Bounded whatever the text:
// YAML::LoadAll is not, for some texts it finds documents without end.
std::optional<YAML::Node> only_document(const std::string& text);

}  // namespace weft
