// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policy/dfa.h"

namespace weft {

// States that no text tells apart become one, classes that no state tells apart too. State 0 stays the dead one.
void minimise(Dfa& dfa);

}  // namespace weft
