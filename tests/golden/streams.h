// SPDX-License-Identifier: Apache-2.0
// The event streams behind tests/golden/data: each is a story whose spans were looked at once by a person.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weft::testing {

struct GoldenStream {
  std::string name;  // data/<name>.weftrec and data/<name>.jsonl
  std::vector<std::byte> recording;
};

std::vector<GoldenStream> golden_streams();

}  // namespace weft::testing
