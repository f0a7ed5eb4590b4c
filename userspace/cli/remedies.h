// SPDX-License-Identifier: Apache-2.0
// What the owner of a process can change so that more of its calls carry their context.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/terminal.h"

namespace weft::cli {

struct Remedy {
  std::uint64_t pid = 0;
  std::string service;
  std::uint64_t calls = 0;  // without a parent for this reason:
  std::string reason;       // as in docs/limits.md
  std::string change;       // what to change
};

// Of the answer to GET /v1/processes: where there is something to change.
std::vector<Remedy> remedies(const Json& processes);

// "" where there is none.
std::string remedies_text(const std::vector<Remedy>& remedies, const Screen& screen);
Json remedies_json(const std::vector<Remedy>& remedies);

}  // namespace weft::cli
