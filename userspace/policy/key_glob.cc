// SPDX-License-Identifier: Apache-2.0
#include "policy/key_glob.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace weft {
namespace {

constexpr std::size_t kMostSteps = 20'000;
constexpr char kOther = '\0';  // stands for every character that neither pattern names

struct Element {
  enum Kind : std::uint8_t { character, one, run_in_part, run } kind;
  char c = 0;

  bool repeats() const { return kind == run_in_part || kind == run; }
  bool takes(char input) const {
    switch (kind) {
      case character:
        return c == input;
      case run:
        return true;
      default:
        return input != '.';
    }
  }
};
using Glob = std::vector<Element>;
using Positions = std::vector<std::size_t>;  // sorted: elements that may come next; size() = the end is reached

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Glob parse(std::string_view text, KeyCase key_case) {
  Glob glob;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*' && i + 1 < text.size() && text[i + 1] == '*') {
      glob.push_back({Element::run});
      ++i;
    } else if (text[i] == '*') {
      glob.push_back({Element::run_in_part});
    } else if (text[i] == '?') {
      glob.push_back({Element::one});
    } else {
      glob.push_back({Element::character, key_case == KeyCase::ignored ? lower(text[i]) : text[i]});
    }
  }
  return glob;
}

// A run may be empty: with a position before one, the position behind it.
void reach(const Glob& glob, std::size_t at, std::set<std::size_t>& positions) {
  for (positions.insert(at); at < glob.size() && glob[at].repeats(); positions.insert(at)) ++at;
}

Positions start(const Glob& glob) {
  std::set<std::size_t> positions;
  reach(glob, 0, positions);
  return {positions.begin(), positions.end()};
}

Positions step(const Glob& glob, const Positions& from, char input) {
  std::set<std::size_t> next;
  for (const std::size_t at : from) {
    if (at < glob.size() && glob[at].takes(input)) reach(glob, at + !glob[at].repeats(), next);
  }
  return {next.begin(), next.end()};
}

bool ended(const Glob& glob, const Positions& positions) {
  return !positions.empty() && positions.back() == glob.size();
}

}  // namespace

bool key_glob_covers(std::string_view wide_text, std::string_view narrow_text, KeyCase key_case) {
  const Glob wide = parse(wide_text, key_case), narrow = parse(narrow_text, key_case);
  std::set<char> alphabet{'.', kOther};
  for (const Glob* glob : {&wide, &narrow}) {
    for (const Element& element : *glob) {
      if (element.kind == Element::character) alphabet.insert(element.c);
    }
  }
  // Walk both at once; a key that only `narrow` takes is the counterexample.
  using Pair = std::pair<Positions, Positions>;
  std::set<Pair> seen;
  std::vector<Pair> open{{start(narrow), start(wide)}};
  for (std::size_t steps = 0; !open.empty(); ++steps) {
    Pair pair = std::move(open.back());
    open.pop_back();
    if (pair.first.empty()) continue;
    if (ended(narrow, pair.first) && !ended(wide, pair.second)) return false;
    if (steps > kMostSteps) return false;
    if (!seen.insert(pair).second) continue;
    for (const char input : alphabet)
      open.emplace_back(step(narrow, pair.first, input), step(wide, pair.second, input));
  }
  return true;
}

bool key_glob_matches(std::string_view text, std::string_view key) {
  const Glob glob = parse(text, KeyCase::exact);
  Positions at = start(glob);
  for (const char c : key) at = step(glob, at, c);
  return ended(glob, at);
}

bool key_glob_is_exact(std::string_view glob) { return glob.find_first_of("*?") == std::string_view::npos; }

}  // namespace weft
