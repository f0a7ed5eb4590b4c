// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "discover/rules.h"
#include "runtime/known_files.h"

namespace weft {

// By the name of the executable: interpreters and runtimes. Unknown for everything else.
Language language_of_name(std::string_view executable);

// Native programs are told apart by their sections (.go.buildinfo), once per file. Thread-safe, bounded.
class LanguageGuesser {
 public:
  // `file` is a path by which the executable can be opened (/proc/PID/exe), `executable` its name.
  Language guess(const std::string& file, std::string_view executable);

 private:
  KnownFiles<Language> known_{4096};
};

}  // namespace weft
