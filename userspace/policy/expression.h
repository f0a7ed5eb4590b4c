// SPDX-License-Identifier: Apache-2.0
// Regular expressions of redactions, the subset that a finite automaton carries out exactly: literals, `.`, classes,
// \d \w \s (and \D \W \S), groups, alternation, ? * + {n,m} up to 255, ^ $, a leading (?i).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "policy/nfa.h"

namespace weft {

class Expression {
 public:
  struct Error {
    std::size_t at;  // byte of the text
    std::string reason;
  };
  static std::expected<Expression, Error> parse(std::string_view text);

  static constexpr unsigned exact = 255;
  // Adds it behind `from` and returns the state where a match ends. Repetitions above `most` become loops: the language
  // grows, the automaton shrinks. Throws TooManyStates.
  std::uint32_t build(Nfa& nfa, std::uint32_t from, unsigned most = exact) const;

 private:
  friend class ExpressionParser;
  struct Node {
    enum class Kind : std::uint8_t { bytes, start, end, sequence, choice, repeat } kind = Kind::sequence;
    ByteSet bytes;
    unsigned least = 0, most = 0;  // repeat
    bool unbounded = false;
    std::vector<Node> parts;
  };
  std::uint32_t build(Nfa& nfa, std::uint32_t from, const Node& node, unsigned most) const;
  std::uint32_t build_repeat(Nfa& nfa, std::uint32_t from, const Node& node, unsigned most) const;
  Node root_;
};

}  // namespace weft
