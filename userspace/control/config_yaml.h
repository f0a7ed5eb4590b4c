// SPDX-License-Identifier: Apache-2.0
// A YAML document into a Config, by the key tables, strictly. Private to control/config_*.
#pragma once

#include <string>
#include <string_view>

#include "control/config.h"
#include "control/config_load.h"

namespace weft::config {

// Lays the file, called `name`, over what `config` holds. Throws Misplaced; on a throw `config` is half changed.
void read_yaml(std::string_view text, const std::string& name, const Environment& environment, Config& config);

// What is wrong and where; lines and columns count from 1, 0 = the document as a whole.
struct Misplaced {
  int line = 0;
  int column = 0;
  std::string reason;
};

}  // namespace weft::config
