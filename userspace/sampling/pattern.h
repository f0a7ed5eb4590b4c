// SPDX-License-Identifier: Apache-2.0
// One sampling rule -> operations of the kernel's machine (bpf/wire/sampling.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/sampling.h"

namespace weft {

inline constexpr std::size_t kMaxPatternBytes = 128;
inline constexpr std::size_t kMaxMethodBytes = 24;

// The threshold below which a trace is not sampled. 1 -> 0 (everything), 0 -> SAMPLING_NEVER.
std::uint64_t threshold_of(double ratio);
double ratio_of(std::uint64_t threshold);

// What is wrong with a path pattern or a method, in a sentence; "" = nothing.
std::string problem_of_path(std::string_view path);
std::string problem_of_method(std::string_view method);

// `next` of all is 0: whoever puts rules behind one another sets it. REQUIRES: no problem of either.
std::vector<sampling_op> compile_rule(std::string_view method, std::string_view path, double ratio);

}  // namespace weft
