// SPDX-License-Identifier: Apache-2.0
#include "policy/redactions.h"

#include <algorithm>

#include "policy/expression.h"
#include "wire/policy_set.h"

namespace weft {
namespace {

using Accepts = DfaPlan::Accepts;

constexpr std::size_t most_minimal_states = 4'096;  // of the search, minimised; also how large a filter may be at worst
constexpr std::size_t most_search_states = 16'384;
constexpr std::size_t good_filter_states = 1'024;
constexpr unsigned repetitions[] = {1, 2, 4, 8, 16, 64, Expression::exact};

struct Built {
  Nfa nfa;
  std::vector<std::uint32_t> starts;
};

Built build(const std::vector<Expression>& expressions, std::size_t count, unsigned most) {
  Built built;
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::uint32_t start = built.nfa.state();
    built.starts.push_back(start);
    built.nfa.accept(expressions[n].build(built.nfa, start, most), n + 1);
  }
  return built;
}

std::optional<Dfa> filter(const Built& built, std::size_t limit) {
  return make_dfa(built.nfa, {.starts = {{built.starts, true}},
                              .restart = built.starts,
                              .sticky = true,
                              .label = [](const Accepts&, const Accepts& end) -> std::uint16_t { return !end.empty(); },
                              .most_states = limit});
}

std::optional<Dfa> starts(const Built& built, std::size_t limit) {
  std::vector<std::uint32_t> ends;
  const Nfa back = built.nfa.reversed(built.starts, ends);
  return make_dfa(back, {.starts = {{ends, true}},
                         .restart = ends,
                         .label = [](const Accepts& here, const Accepts& end) -> std::uint16_t {
                           return static_cast<std::uint16_t>((here.empty() ? 0 : 1) | (end.empty() ? 0 : 2));
                         },
                         .most_states = limit});
}

std::optional<Dfa> search(const Built& built) {
  const auto lowest = [](const Accepts& accepts) {
    return accepts.empty() ? 0u : *std::min_element(accepts.begin(), accepts.end());
  };
  auto dfa =
      make_dfa(built.nfa, {.starts = {{built.starts, true}, {built.starts, false}},
                           .label =
                               [&](const Accepts& here, const Accepts& end) {
                                 return static_cast<std::uint16_t>(lowest(here) | lowest(end) << POLICY_LABEL_AT_END);
                               },
                           .most_states = most_search_states});
  if (dfa && dfa->states() > most_minimal_states) dfa.reset();
  return dfa;
}

// The most exact one that stays small; at least the coarsest.
template <class Make>
std::optional<Dfa> relaxed(const std::vector<Expression>& expressions, std::size_t count, const Make& make) {
  std::optional<Dfa> best;
  for (const unsigned most : repetitions) {
    try {
      auto dfa = make(build(expressions, count, most), best ? good_filter_states : most_minimal_states);
      if (!dfa) break;
      best = std::move(dfa);
      if (best->states() > good_filter_states) break;
    } catch (const TooManyStates&) {
      break;
    }
  }
  return best;
}

bool fits(const std::vector<Expression>& expressions, std::size_t count) try {
  return search(build(expressions, count, Expression::exact)) && relaxed(expressions, count, filter) &&
         relaxed(expressions, count, starts);
} catch (const TooManyStates&) {
  return false;
}

// Which expression is the one too many?
[[noreturn]] void refuse_size(const std::vector<Redaction>& redactions, const std::vector<Expression>& expressions) {
  for (std::size_t n = 0; n < redactions.size(); ++n)
    if (!fits({expressions[n]}, 1))
      throw PolicyError{redactions[n].pattern.place,
                        "this expression needs more than 4096 states: counted repetitions after something that may "
                        "overlap them are the usual reason"};
  std::size_t good = 1, bad = redactions.size();
  while (bad - good > 1) {
    const std::size_t middle = (good + bad) / 2;
    (fits(expressions, middle) ? good : bad) = middle;
  }
  throw PolicyError{redactions[bad - 1].pattern.place,
                    "with this expression the redactions of the set together need more than 4096 states"};
}

}  // namespace

RedactionDfas make_redactions(const std::vector<Redaction>& redactions) {
  std::vector<Expression> expressions;
  for (const Redaction& redaction : redactions) {
    auto parsed = Expression::parse(redaction.pattern.text);
    if (!parsed)
      throw PolicyError{
          redaction.pattern.at(parsed.error().at),
          "regular expression, character " + std::to_string(parsed.error().at + 1) + ": " + parsed.error().reason};
    Nfa nfa;
    const std::uint32_t start = nfa.state();
    try {
      nfa.accept(parsed->build(nfa, start), 1);
    } catch (const TooManyStates&) {
      throw PolicyError{redaction.pattern.place, "regular expression: too large"};
    }
    if (!accepted_empty(nfa, {start}).empty())
      throw PolicyError{redaction.pattern.place, "regular expression: it matches the empty text"};
    expressions.push_back(std::move(*parsed));
  }
  RedactionDfas all;
  try {
    auto exact = search(build(expressions, expressions.size(), Expression::exact));
    auto perhaps = relaxed(expressions, expressions.size(), filter);
    auto marks = relaxed(expressions, expressions.size(), starts);
    if (!exact || !perhaps || !marks) refuse_size(redactions, expressions);
    all = {std::move(*perhaps), std::move(*marks), std::move(*exact)};
  } catch (const TooManyStates&) {
    refuse_size(redactions, expressions);
  }
  return all;
}

}  // namespace weft
