// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <cstddef>

namespace weft {
namespace {

// Matches one character against the pattern element at `at`; `next` is where the following element begins.
bool match_class(std::string_view pattern, std::size_t at, char c, std::size_t& next) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (const std::size_t first = i; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
    char low = pattern[i];
    if (low == '\\' && i + 1 < pattern.size()) low = pattern[++i];
    char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      i += 2;
      high = pattern[i];
    }
    if (low <= c && c <= high) found = true;
  }
  if (i >= pattern.size()) {  // no closing bracket: the bracket is a character like any other
    next = at + 1;
    return c == '[';
  }
  next = i + 1;
  return found != negated;
}

bool match_one(std::string_view pattern, std::size_t at, char c, std::size_t& next) {
  switch (pattern[at]) {
    case '?':
      next = at + 1;
      return true;
    case '[':
      return match_class(pattern, at, c, next);
    case '\\':
      if (at + 1 < pattern.size()) {
        next = at + 2;
        return pattern[at + 1] == c;
      }
      [[fallthrough]];
    default:
      next = at + 1;
      return pattern[at] == c;
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t p = 0, t = 0, star = kNone, star_text = 0;
  while (t < text.size()) {
    std::size_t next = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
    } else if (p < pattern.size() && match_one(pattern, p, text[t], next)) {
      p = next;
      ++t;
    } else if (star != kNone) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace weft
