// SPDX-License-Identifier: Apache-2.0
// The files of deploy/completions, put into the program by the build.
#pragma once

#include <string_view>

namespace weft::cli {

extern const std::string_view kBashCompletion;
extern const std::string_view kZshCompletion;
extern const std::string_view kFishCompletion;

}  // namespace weft::cli
