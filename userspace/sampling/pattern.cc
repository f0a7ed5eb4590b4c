// SPDX-License-Identifier: Apache-2.0
#include "sampling/pattern.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace weft {
namespace {

sampling_op operation(sampling_op_kind kind, std::uint64_t word = 0, std::size_t bytes = 0) {
  sampling_op op{};
  op.word = word;
  op.kind = static_cast<__u8>(kind);
  op.bytes = static_cast<__u8>(bytes);
  return op;
}

void append_bytes(std::string_view text, std::vector<sampling_op>& ops) {
  while (!text.empty()) {
    const std::size_t bytes = std::min<std::size_t>(text.size(), 8);
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), bytes);
    ops.push_back(operation(SAMPLING_BYTES, word, bytes));
    text.remove_prefix(bytes);
  }
}

bool is_any_segment(std::string_view segment) {
  return segment == "*" || (segment.size() >= 2 && segment.starts_with('{') && segment.ends_with('}'));
}

// "/orders*" and "/orders/**" -> "/orders", "/orders/"; true: any rest may follow.
bool take_rest(std::string_view& path) {
  if (!path.ends_with('*')) return false;
  while (path.ends_with('*')) path.remove_suffix(1);
  return true;
}

void append_path(std::string_view path, std::vector<sampling_op>& ops) {
  const bool rest = take_rest(path);
  std::string literal;
  while (!path.empty()) {  // each round: a slash and a segment
    literal.push_back('/');
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (!is_any_segment(segment)) {
      literal.append(segment);
      continue;
    }
    append_bytes(literal, ops);
    literal.clear();
    ops.push_back(operation(SAMPLING_SEGMENT));
  }
  append_bytes(literal, ops);
  if (!rest) ops.push_back(operation(SAMPLING_PATH_END));
}

bool is_any_path(std::string_view path) { return path.empty() || path == "*" || path == "/*" || path == "/**"; }

}  // namespace

// OpenTelemetry, "TraceState: Probability Sampling": T = (1 - ratio) * 2^56, here in steps of 2^SAMPLING_COARSE.
std::uint64_t threshold_of(double ratio) {
  if (ratio >= 1) return 0;
  if (!(ratio > 0)) return SAMPLING_NEVER;
  constexpr std::uint64_t steps = SAMPLING_NEVER >> SAMPLING_COARSE;
  const auto threshold = static_cast<std::uint64_t>(std::round((1 - ratio) * static_cast<double>(steps)));
  return std::min(threshold, steps - 1) << SAMPLING_COARSE;
}

double ratio_of(std::uint64_t threshold) {
  return 1 -
         static_cast<double>(std::min<std::uint64_t>(threshold, SAMPLING_NEVER)) / static_cast<double>(SAMPLING_NEVER);
}

std::string problem_of_path(std::string_view path) {
  if (is_any_path(path)) return {};
  if (!path.starts_with('/')) return "a path begins with / (or is * for any)";
  if (path.size() > kMaxPatternBytes) return "a path of more than " + std::to_string(kMaxPatternBytes) + " bytes";
  for (const char c : path) {
    if (c == '?' || c == '#') return "a rule looks at the path, not at the query";
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return "a space or control character";
  }
  take_rest(path);
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (!is_any_segment(segment) && segment.find('*') != std::string_view::npos)
      return "* stands for a whole segment or, at the end, for any rest";
    if (!is_any_segment(segment) && segment.find_first_of("{}") != std::string_view::npos)
      return "{name} stands for a whole segment";
  }
  return {};
}

std::string problem_of_method(std::string_view method) {
  const bool good = method.size() <= kMaxMethodBytes &&
                    std::ranges::all_of(method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
  return good ? "" : "a method is written in capitals, as GET";
}

std::vector<sampling_op> compile_rule(std::string_view method, std::string_view path, double ratio) {
  std::vector<sampling_op> ops;
  if (!method.empty()) append_bytes(std::string(method) + " ", ops);
  if (!is_any_path(path)) {
    ops.push_back(operation(SAMPLING_PATH));
    append_path(path, ops);
  }
  ops.push_back(operation(SAMPLING_RATIO, threshold_of(ratio)));
  return ops;
}

}  // namespace weft
