// SPDX-License-Identifier: Apache-2.0
// Nondeterministic automata over bytes, as patterns are built from: what the compiler of the policy makes tables of.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weft {

using ByteSet = std::bitset<256>;
ByteSet one_byte(unsigned char byte);
ByteSet folded(const ByteSet& bytes);  // with the other case of every ASCII letter

// Thrown by Nfa::state(): the patterns are too large to be built. Does not leave this folder.
struct TooManyStates {};

class Nfa {
 public:
  enum class When : std::uint8_t { always, at_start, at_end };  // of the text
  struct Edge {
    std::uint32_t bytes;  // index into byte_sets
    std::uint32_t to;
  };
  struct Jump {
    When when;
    std::uint32_t to;
  };
  struct State {
    std::vector<Edge> edges;
    std::vector<Jump> jumps;   // without a byte
    std::uint32_t accept = 0;  // 0: not accepting; otherwise what the compiler means by it
  };

  std::uint32_t state();
  // A byte of `bytes` leads from `from` to a new state, which is returned.
  std::uint32_t step(std::uint32_t from, const ByteSet& bytes);
  void edge(std::uint32_t from, const ByteSet& bytes, std::uint32_t to);
  void jump(std::uint32_t from, std::uint32_t to, When when = When::always);
  std::uint32_t literal(std::uint32_t from, std::string_view text);
  void accept(std::uint32_t state, std::uint32_t value) { states_[state].accept = value; }

  // The same language read from its end: edges turned round, `starts` accept with 1. `ends` receives the first states.
  Nfa reversed(const std::vector<std::uint32_t>& starts, std::vector<std::uint32_t>& ends) const;

  const std::vector<State>& states() const { return states_; }
  const std::vector<ByteSet>& byte_sets() const { return byte_sets_; }

 private:
  std::uint32_t set_number(const ByteSet& bytes);
  std::vector<State> states_;
  std::vector<ByteSet> byte_sets_;  // each once
};

// A key pattern from `from` on: `*` any run within one dot-separated part, `**` any run, `?` one byte but the dot.
// Returns the state behind it.
enum class GlobCase : std::uint8_t { exact, ignored, lowered };  // lowered: keys come in lower case
std::uint32_t add_glob(Nfa& nfa, std::uint32_t from, std::string_view glob, GlobCase letters);

}  // namespace weft
