// SPDX-License-Identifier: Apache-2.0
#include "policy/nfa.h"

#include <algorithm>

namespace weft {
namespace {

constexpr std::size_t most_nfa_states = 100'000;

bool is_letter(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

ByteSet one_byte(unsigned char byte) { return ByteSet().set(byte); }

ByteSet folded(const ByteSet& bytes) {
  ByteSet all = bytes;
  for (unsigned c = 'A'; c <= 'Z'; ++c)
    if (bytes[c] || bytes[c | 0x20]) all.set(c).set(c | 0x20);
  return all;
}

std::uint32_t Nfa::state() {
  if (states_.size() >= most_nfa_states) throw TooManyStates{};
  states_.emplace_back();
  return static_cast<std::uint32_t>(states_.size() - 1);
}

std::uint32_t Nfa::set_number(const ByteSet& bytes) {
  const auto known = std::find(byte_sets_.begin(), byte_sets_.end(), bytes);
  if (known != byte_sets_.end()) return static_cast<std::uint32_t>(known - byte_sets_.begin());
  byte_sets_.push_back(bytes);
  return static_cast<std::uint32_t>(byte_sets_.size() - 1);
}

void Nfa::edge(std::uint32_t from, const ByteSet& bytes, std::uint32_t to) {
  states_[from].edges.push_back({set_number(bytes), to});
}

std::uint32_t Nfa::step(std::uint32_t from, const ByteSet& bytes) {
  const std::uint32_t to = state();
  edge(from, bytes, to);
  return to;
}

void Nfa::jump(std::uint32_t from, std::uint32_t to, When when) { states_[from].jumps.push_back({when, to}); }

std::uint32_t Nfa::literal(std::uint32_t from, std::string_view text) {
  for (const char c : text) from = step(from, one_byte(static_cast<unsigned char>(c)));
  return from;
}

Nfa Nfa::reversed(const std::vector<std::uint32_t>& starts, std::vector<std::uint32_t>& ends) const {
  Nfa back;
  back.byte_sets_ = byte_sets_;
  back.states_.resize(states_.size());
  for (std::uint32_t from = 0; from < states_.size(); ++from) {
    for (const Edge& edge : states_[from].edges) back.states_[edge.to].edges.push_back({edge.bytes, from});
    for (const Jump& jump : states_[from].jumps) {
      const When when = jump.when == When::at_start ? When::at_end
                        : jump.when == When::at_end ? When::at_start
                                                    : When::always;
      back.states_[jump.to].jumps.push_back({when, from});
    }
    if (states_[from].accept) ends.push_back(from);
  }
  for (const std::uint32_t start : starts) back.states_[start].accept = 1;
  return back;
}

std::uint32_t add_glob(Nfa& nfa, std::uint32_t from, std::string_view glob, GlobCase letters) {
  const ByteSet all = ByteSet().set(), within_part = ByteSet().set().reset('.');
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const auto c = static_cast<unsigned char>(glob[i]);
    if (c == '*') {
      const bool across = i + 1 < glob.size() && glob[i + 1] == '*';
      i += across;
      const std::uint32_t loop = nfa.state();
      nfa.jump(from, loop);
      nfa.edge(loop, across ? all : within_part, loop);
      from = loop;
    } else if (c == '?') {
      from = nfa.step(from, within_part);
    } else if (is_letter(c) && letters == GlobCase::ignored) {
      from = nfa.step(from, folded(one_byte(c)));
    } else {
      from = nfa.step(from, one_byte(is_letter(c) && letters == GlobCase::lowered ? c | 0x20 : c));
    }
  }
  // Its own end: the loop of a trailing `*` may be entered again.
  const std::uint32_t end = nfa.state();
  nfa.jump(from, end);
  return end;
}

}  // namespace weft
