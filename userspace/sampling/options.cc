// SPDX-License-Identifier: Apache-2.0
#include "sampling/options.h"

namespace weft {

bool operator==(const SamplingRule& a, const SamplingRule& b) {
  return a.service == b.service && a.path == b.path && a.method == b.method && a.ratio == b.ratio;
}

bool same_ratios(const SamplingOptions& a, const SamplingOptions& b) {
  return a.sampler == b.sampler && a.ratio == b.ratio && a.rules == b.rules;
}

}  // namespace weft
