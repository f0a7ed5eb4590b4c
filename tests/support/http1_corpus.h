// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "support/http1_fuzz_input.h"

namespace weft::test {

// The files of WEFT_CORPUS_DIR, in the order of their names.
std::vector<Http1FuzzInput> http1_corpus();

// Corpus inputs with bytes changed, removed, doubled and spliced; the same ones in every run.
std::vector<Http1FuzzInput> http1_mutations(size_t count);

}  // namespace weft::test
