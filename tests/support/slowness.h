// SPDX-License-Identifier: Apache-2.0
// WEFT_TEST_SLOW: how many times slower this machine is than one that limits and amounts are made for (tools/vm sets
// it).
#pragma once

#include <algorithm>
#include <cstdlib>

namespace weft::test {

inline int slowness() {
  const char* text = std::getenv("WEFT_TEST_SLOW");
  return text ? std::max(1, std::atoi(text)) : 1;
}

}  // namespace weft::test
