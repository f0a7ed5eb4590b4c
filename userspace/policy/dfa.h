// SPDX-License-Identifier: Apache-2.0
// Deterministic automata: subset construction and minimisation.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "policy/nfa.h"

namespace weft {

// State 0 is dead: label 0, leads to itself.
struct Dfa {
  std::size_t classes = 0;
  std::array<std::uint8_t, 256> class_of{};
  std::vector<std::uint16_t> next;  // states × classes
  std::vector<std::uint16_t> labels;
  std::vector<std::uint16_t> starts;
  std::size_t states() const { return labels.size(); }
};

struct DfaPlan {
  struct Start {
    std::vector<std::uint32_t> states;
    bool at_start = false;  // of the text: ^ holds
  };
  std::vector<Start> starts;
  std::vector<std::uint32_t> restart;  // a match may begin behind every byte
  bool sticky = false;                 // once accepting, for ever accepting (with label 1)
  // The label of a state from what it accepts here and, because of $, at the end of the text.
  using Accepts = std::vector<std::uint32_t>;
  std::function<std::uint16_t(const Accepts& here, const Accepts& at_end)> label;
  std::size_t most_states = 0;  // before minimisation
};

// Nothing when it would have more than plan.most_states states.
std::optional<Dfa> make_dfa(const Nfa& nfa, const DfaPlan& plan);

// What is accepted without any byte, at the beginning and the end of a text at once.
std::vector<std::uint32_t> accepted_empty(const Nfa& nfa, const std::vector<std::uint32_t>& starts);

}  // namespace weft
