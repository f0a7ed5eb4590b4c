// SPDX-License-Identifier: Apache-2.0
#include "discover/language.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "discover/process_info.h"
#include "runtime/elf_file.h"

namespace weft {
namespace {

constexpr std::size_t kMaxKnown = 4096;

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
  struct stat status{};
  if (stat(file.c_str(), &status) != 0) return Language::unknown;
  const FileId id{status.st_dev, status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  Language language = Language::unknown;
  if (const auto elf = ElfFile::open(file)) {
    language = elf->has_section(".go.buildinfo") ? Language::go : Language::cpp;
  }
  if (known_.size() >= kMaxKnown) known_.clear();
  return known_[id] = language;
}

}  // namespace weft
