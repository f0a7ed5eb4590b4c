// SPDX-License-Identifier: Apache-2.0
// The three automata of redaction. One exact automaton that finds any of several expressions anywhere would be too
// large (eight of them: more than 30,000 states), so: a filter that says "perhaps" and may be wrong that way only, one
// that walks backwards and marks where a match may start, and an exact one that starts at a mark.
#pragma once

#include <vector>

#include "policy/dfa.h"
#include "policy/rule_set.h"

namespace weft {

struct RedactionDfas {
  Dfa filter;  // one start; sticky
  Dfa starts;  // labels: bit 0 here, bit 1 only if this is where the text begins
  Dfa search;  // starts: at the text's beginning, elsewhere; labels as POLICY_LABEL_PATTERN says
};

// Throws PolicyError.
RedactionDfas make_redactions(const std::vector<Redaction>& redactions);

}  // namespace weft
