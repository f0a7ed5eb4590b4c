// SPDX-License-Identifier: Apache-2.0
#include "discover/rules.h"

#include <array>
#include <utility>

namespace weft {
namespace {

using Name = std::pair<std::string_view, Language>;

// The first name of a language is the one that is shown.
constexpr std::array<Name, 16> kNames{{{"go", Language::go},
                                       {"python", Language::python},
                                       {"node", Language::node},
                                       {"java", Language::java},
                                       {"cpp", Language::cpp},
                                       {"perl", Language::perl},
                                       {"php", Language::php},
                                       {"ruby", Language::ruby},
                                       {"dotnet", Language::dotnet},
                                       {"golang", Language::go},
                                       {"nodejs", Language::node},
                                       {"javascript", Language::node},
                                       {"c++", Language::cpp},
                                       {"c", Language::cpp},
                                       {"rust", Language::cpp},
                                       {".net", Language::dotnet}}};

}  // namespace

std::string_view language_name(Language language) {
  for (const auto& [name, value] : kNames) {
    if (value == language) return name;
  }
  return {};
}

std::optional<Language> parse_language(std::string_view name) {
  for (const auto& [known, value] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace weft
