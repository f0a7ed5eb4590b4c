// SPDX-License-Identifier: Apache-2.0
// Which Go made this file, as its .go.buildinfo says (debug/buildinfo, the format since Go 1.18).
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/elf_file.h"

namespace weft {

struct GoVersion {
  int major = 0, minor = 0;
  bool released = false;  // "go1.22.5"; not a development version, an experiment or a vendor's build
  auto operator<=>(const GoVersion&) const = default;
};

// "go1.22.5", "go1.26rc1", "devel go1.27-abcdef", "go1.22.5 X:boringcrypto". Nothing: no version in it.
std::optional<GoVersion> parse_go_version(std::string_view text);

// Text of the version. Fails when the section is not what its name says; "" when the build left the version out.
Result<std::string> read_go_version(const ElfFile& file, const ElfSection& buildinfo);

// "v1.2.3": the release of module `path` that was built in, as the section says. Nothing where it has none of it, where
// another one replaces it, or where it is none that was released.
std::optional<std::string> read_go_module(const ElfFile& file, const ElfSection& buildinfo, std::string_view path);

// "/path": how the build was set, by the name of the setting ("-pgo"), as the section says. Nothing: it was not.
std::optional<std::string> read_go_setting(const ElfFile& file, const ElfSection& buildinfo, std::string_view name);

}  // namespace weft
