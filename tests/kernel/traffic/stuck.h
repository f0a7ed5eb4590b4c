// SPDX-License-Identifier: Apache-2.0
// What is to be known of a run that goes no further, before it ends.
#pragma once

#include <string>

namespace weft::test {

// From now on a run that is stuck for `seconds` (see alive()) says `line`, where each of its threads and of its
// children is, and what its connection says of itself, on stderr, and ends with 75.
void watch_for_stuck(std::string line);

// The run goes on, with connection `fd` (-1: none yet).
void alive(unsigned seconds, int fd);

}  // namespace weft::test
