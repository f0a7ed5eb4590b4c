// SPDX-License-Identifier: Apache-2.0
#include "discover/language.h"

#include <algorithm>
#include <array>

#include "discover/process_info.h"
#include "runtime/packed.h"

namespace weft {
namespace {

// NAME, NAME3, NAME3.11, NAME3.11-dbg, but not NAMEd or NAME-server.
bool is_versioned(std::string_view executable, std::string_view name) {
  if (!executable.starts_with(name)) return false;
  std::string_view rest = executable.substr(name.size());
  if (rest.ends_with("-dbg")) rest.remove_suffix(4);
  return std::all_of(rest.begin(), rest.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

struct Runtime {
  std::string_view name;
  Language language;
};
constexpr std::array<Runtime, 14> kRuntimes{{{"python", Language::python},
                                             {"pypy", Language::python},
                                             {"node", Language::node},
                                             {"nodejs", Language::node},
                                             {"bun", Language::node},
                                             {"deno", Language::node},
                                             {"java", Language::java},
                                             {"perl", Language::perl},
                                             {"php", Language::php},
                                             {"php-fpm", Language::php},
                                             {"php-cgi", Language::php},
                                             {"ruby", Language::ruby},
                                             {"jruby", Language::ruby},
                                             {"dotnet", Language::dotnet}}};

}  // namespace

Language language_of_name(std::string_view executable) {
  const std::string_view name = base_name(executable);
  for (const Runtime& runtime : kRuntimes) {
    if (is_versioned(name, runtime.name)) return runtime.language;
  }
  return Language::unknown;
}

Language LanguageGuesser::guess(const std::string& file, std::string_view executable) {
  if (const Language named = language_of_name(executable); named != Language::unknown) return named;
  return known_.of(file, [](const Result<ElfFile>& elf) {
    if (!elf || hidden_by(*elf)) return Language::unknown;
    return elf->has_section(".go.buildinfo") ? Language::go : Language::cpp;
  });
}

}  // namespace weft
