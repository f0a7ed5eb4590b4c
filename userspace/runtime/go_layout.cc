// SPDX-License-Identifier: Apache-2.0
#include "runtime/go_layout.h"

#include <algorithm>
#include <iterator>

namespace weft {
namespace {

struct Row {
  int minor;
  GoLayout layout;
};

constexpr Row kRows[] = {
#include "runtime/go_layout_table.inc"
};

}  // namespace

std::optional<GoLayout> known_go_layout(const GoVersion& version) {
  const auto* row = std::ranges::find(kRows, version.minor, &Row::minor);
  if (version.major != 1 || !version.released || row == std::end(kRows)) return std::nullopt;
  return row->layout;
}

NewestGo newest_go_layout() {
  const Row& row = std::end(kRows)[-1];
  return {{1, row.minor, true}, row.layout};
}

}  // namespace weft
