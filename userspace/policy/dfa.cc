// SPDX-License-Identifier: Apache-2.0
#include "policy/dfa.h"

#include <algorithm>
#include <unordered_map>

#include "policy/minimise.h"

namespace weft {
namespace {

using States = std::vector<std::uint32_t>;  // sorted, each once

struct StatesHash {
  std::size_t operator()(const States& states) const {
    std::uint64_t sum = 0x9e3779b97f4a7c15ull + states.size();
    for (const std::uint32_t state : states) sum = (sum ^ state ^ (sum >> 29)) * 0xbf58476d1ce4e5b9ull;
    return sum ^ (sum >> 32);
  }
};

// What can be reached without a byte. Keeps only states that matter: with edges, accepting, or with a jump that
// depends on the end of the text.
class Closure {
 public:
  explicit Closure(const Nfa& nfa) : nfa_(nfa), seen_(nfa.states().size(), 0) {}

  States operator()(const States& from, bool at_start, bool at_end) {
    ++round_;
    States todo, found;
    const auto reach = [&](std::uint32_t state) {
      if (seen_[state] == round_) return;
      seen_[state] = round_;
      todo.push_back(state);
    };
    for (const std::uint32_t state : from) reach(state);
    while (!todo.empty()) {
      const std::uint32_t state = todo.back();
      todo.pop_back();
      const auto& entry = nfa_.states()[state];
      bool matters = !entry.edges.empty() || entry.accept;
      for (const Nfa::Jump& jump : entry.jumps) {
        matters |= jump.when == Nfa::When::at_end;
        if (jump.when == Nfa::When::always || (jump.when == Nfa::When::at_start && at_start) ||
            (jump.when == Nfa::When::at_end && at_end))
          reach(jump.to);
      }
      if (matters) found.push_back(state);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  const Nfa& nfa_;
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
};

class Builder {
 public:
  Builder(const Nfa& nfa, const DfaPlan& plan) : nfa_(nfa), plan_(plan), close_(nfa) {}

  std::optional<Dfa> build() {
    make_classes();
    intern({});
    if (!plan_.restart.empty()) again_ = close_(plan_.restart, false, false);
    for (const DfaPlan::Start& start : plan_.starts) {
      const auto state = intern(close_(start.states, start.at_start, false));
      if (!state) return std::nullopt;
      dfa_.starts.push_back(*state);
    }
    for (std::size_t state = 0; state < subsets_.size(); ++state)
      if (!fill_row(state)) return std::nullopt;
    return std::move(dfa_);
  }

 private:
  // Bytes that are in exactly the same sets are one class.
  void make_classes() {
    std::unordered_map<std::string, std::uint8_t> known;
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::string signature;
      for (const ByteSet& set : nfa_.byte_sets()) signature += set[byte] ? '1' : '0';
      const auto [at, fresh] = known.emplace(signature, static_cast<std::uint8_t>(known.size()));
      dfa_.class_of[byte] = at->second;
      if (fresh) examples_.push_back(byte);
    }
    dfa_.classes = examples_.size();
    classes_of_set_.resize(nfa_.byte_sets().size());
    for (std::size_t set = 0; set < classes_of_set_.size(); ++set)
      for (std::size_t c = 0; c < examples_.size(); ++c)
        if (nfa_.byte_sets()[set][examples_[c]]) classes_of_set_[set].push_back(static_cast<std::uint16_t>(c));
  }

  DfaPlan::Accepts accepts(const States& states) const {
    DfaPlan::Accepts all;
    for (const std::uint32_t state : states)
      if (nfa_.states()[state].accept) all.push_back(nfa_.states()[state].accept);
    return all;
  }

  std::optional<std::uint16_t> intern(States states) {
    const DfaPlan::Accepts here = accepts(states);
    const bool sink = plan_.sticky && !here.empty();
    if (sink) states = {~0u};
    const auto known = numbers_.find(states);
    if (known != numbers_.end()) return known->second;
    if (subsets_.size() >= plan_.most_states) return std::nullopt;
    const auto number = static_cast<std::uint16_t>(subsets_.size());
    dfa_.labels.push_back(sink ? 1 : plan_.label(here, accepts(close_(states, false, true))));
    subsets_.push_back(&numbers_.emplace(std::move(states), number).first->first);
    return number;
  }

  bool fill_row(std::size_t state) {
    const States& states = *subsets_[state];
    dfa_.next.resize((state + 1) * dfa_.classes, static_cast<std::uint16_t>(state));
    if (state == 0 || (states.size() == 1 && states[0] == ~0u)) return true;
    if (targets_.size() < dfa_.classes) targets_.resize(dfa_.classes);
    for (States& target : targets_) target.clear();
    for (const std::uint32_t from : states)
      for (const Nfa::Edge& edge : nfa_.states()[from].edges)
        for (const std::uint16_t c : classes_of_set_[edge.bytes]) targets_[c].push_back(edge.to);
    row_.clear();
    for (std::size_t c = 0; c < dfa_.classes; ++c) {
      std::sort(targets_[c].begin(), targets_[c].end());
      targets_[c].erase(std::unique(targets_[c].begin(), targets_[c].end()), targets_[c].end());
      auto known = row_.find(targets_[c]);
      if (known == row_.end()) {
        States to = close_(targets_[c], false, false);
        if (!again_.empty()) {
          States both;
          std::set_union(to.begin(), to.end(), again_.begin(), again_.end(), std::back_inserter(both));
          to = std::move(both);
        }
        const auto number = intern(std::move(to));
        if (!number) return false;
        known = row_.emplace(targets_[c], *number).first;
      }
      dfa_.next[state * dfa_.classes + c] = known->second;
    }
    return true;
  }

  const Nfa& nfa_;
  const DfaPlan& plan_;
  Closure close_;
  Dfa dfa_;
  std::vector<unsigned> examples_;  // a byte of each class
  std::vector<std::vector<std::uint16_t>> classes_of_set_;
  States again_;
  std::unordered_map<States, std::uint16_t, StatesHash> numbers_;
  std::vector<const States*> subsets_;
  std::vector<States> targets_;
  std::unordered_map<States, std::uint16_t, StatesHash> row_;
};

}  // namespace

std::optional<Dfa> make_dfa(const Nfa& nfa, const DfaPlan& plan) {
  auto dfa = Builder(nfa, plan).build();
  if (dfa) minimise(*dfa);
  return dfa;
}

std::vector<std::uint32_t> accepted_empty(const Nfa& nfa, const std::vector<std::uint32_t>& starts) {
  std::vector<std::uint32_t> all;
  for (const std::uint32_t state : Closure(nfa)(starts, true, true))
    if (nfa.states()[state].accept) all.push_back(nfa.states()[state].accept);
  return all;
}

}  // namespace weft
