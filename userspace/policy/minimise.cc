// SPDX-License-Identifier: Apache-2.0
// Hopcroft's algorithm: blocks are split by what leads into a splitter with one class of byte; of the two halves only
// the smaller one has to split others again.
#include "policy/minimise.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

namespace weft {
namespace {

class Partition {
 public:
  explicit Partition(const std::vector<std::uint16_t>& labels) : block_of_(labels.size()), place_(labels.size()) {
    members_.resize(labels.size());
    std::iota(members_.begin(), members_.end(), 0);
    std::stable_sort(members_.begin(), members_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return labels[a] < labels[b]; });
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
      if (i == 0 || labels[members_[i]] != labels[members_[i - 1]]) blocks_.push_back({i, i, i});
      blocks_.back().end = i + 1;
      block_of_[members_[i]] = static_cast<std::uint32_t>(blocks_.size() - 1);
      place_[members_[i]] = i;
    }
  }

  struct Block {
    std::uint32_t begin, end;
    std::uint32_t marked;  // members [begin, marked) are marked
  };

  // False: it is marked already. The first of its block is noted in `touched`.
  void mark(std::uint32_t state, std::vector<std::uint32_t>& touched) {
    Block& block = blocks_[block_of_[state]];
    const std::uint32_t at = place_[state];
    if (at < block.marked) return;
    if (block.marked == block.begin) touched.push_back(block_of_[state]);
    std::swap(members_[at], members_[block.marked]);
    place_[members_[at]] = at;
    place_[members_[block.marked]] = block.marked;
    ++block.marked;
  }

  // The marked part of a block becomes a block of its own, whose number is returned; 0: all of it was marked.
  std::uint32_t split(std::uint32_t number) {
    Block& block = blocks_[number];
    const std::uint32_t begin = block.begin, middle = block.marked;
    if (middle == block.end) {
      block.marked = begin;
      return 0;
    }
    block.begin = block.marked = middle;
    blocks_.push_back({begin, middle, begin});
    const auto fresh = static_cast<std::uint32_t>(blocks_.size() - 1);
    for (std::uint32_t i = begin; i < middle; ++i) block_of_[members_[i]] = fresh;
    return fresh;
  }

  const std::vector<Block>& blocks() const { return blocks_; }
  std::uint32_t block_of(std::uint32_t state) const { return block_of_[state]; }
  std::uint32_t member(std::uint32_t at) const { return members_[at]; }

 private:
  std::vector<std::uint32_t> members_, block_of_, place_;
  std::vector<Block> blocks_;
};

// For each class the states that lead to a state: [begin(c, state), begin(c, state + 1)) of `from`.
struct Inverse {
  std::vector<std::uint32_t> begin;
  std::vector<std::uint16_t> from;

  explicit Inverse(const Dfa& dfa) : begin(dfa.classes * (dfa.states() + 1) + 1), from(dfa.next.size()) {
    const std::size_t n = dfa.states();
    std::uint32_t at = 0;
    std::vector<std::uint32_t> counts(n);
    for (std::size_t c = 0; c < dfa.classes; ++c) {
      std::fill(counts.begin(), counts.end(), 0);
      for (std::size_t state = 0; state < n; ++state) ++counts[dfa.next[state * dfa.classes + c]];
      std::uint32_t* row = &begin[c * (n + 1)];
      for (std::size_t state = 0; state < n; ++state) {
        row[state] = at;
        at += counts[state];
      }
      row[n] = at;
      std::copy(row, row + n, counts.begin());
      for (std::size_t state = 0; state < n; ++state)
        from[counts[dfa.next[state * dfa.classes + c]]++] = static_cast<std::uint16_t>(state);
    }
  }
};

void refine(const Dfa& dfa, Partition& partition) {
  const Inverse inverse(dfa);
  const std::size_t n = dfa.states(), classes = dfa.classes;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> work;  // block, class
  std::vector<std::vector<bool>> waits;
  const auto add = [&](std::uint32_t block, std::uint32_t c) {
    waits[block][c] = true;
    work.emplace_back(block, c);
  };
  waits.assign(partition.blocks().size(), std::vector<bool>(classes));
  for (std::uint32_t block = 0; block < partition.blocks().size(); ++block)
    for (std::uint32_t c = 0; c < classes; ++c) add(block, c);
  std::vector<std::uint32_t> splitter, touched;
  while (!work.empty()) {
    const auto [block, c] = work.back();
    work.pop_back();
    waits[block][c] = false;
    const auto& range = partition.blocks()[block];
    splitter.clear();
    for (std::uint32_t i = range.begin; i < range.end; ++i) splitter.push_back(partition.member(i));
    touched.clear();
    for (const std::uint32_t state : splitter)
      for (std::uint32_t i = inverse.begin[c * (n + 1) + state]; i < inverse.begin[c * (n + 1) + state + 1]; ++i)
        partition.mark(inverse.from[i], touched);
    for (const std::uint32_t old : touched) {
      const std::uint32_t fresh = partition.split(old);
      if (!fresh) continue;
      waits.emplace_back(classes);
      const auto size = [&](std::uint32_t b) { return partition.blocks()[b].end - partition.blocks()[b].begin; };
      const std::uint32_t smaller = size(fresh) <= size(old) ? fresh : old;
      for (std::uint32_t k = 0; k < classes; ++k) add(waits[old][k] ? fresh : smaller, k);
    }
  }
}

void merge_classes(Dfa& dfa) {
  std::map<std::vector<std::uint16_t>, std::uint8_t> known;
  std::vector<std::uint8_t> now(dfa.classes);
  std::vector<std::size_t> kept;
  for (std::size_t c = 0; c < dfa.classes; ++c) {
    std::vector<std::uint16_t> column(dfa.states());
    for (std::size_t state = 0; state < dfa.states(); ++state) column[state] = dfa.next[state * dfa.classes + c];
    const auto [at, fresh] = known.emplace(std::move(column), static_cast<std::uint8_t>(known.size()));
    now[c] = at->second;
    if (fresh) kept.push_back(c);
  }
  if (kept.size() == dfa.classes) return;
  std::vector<std::uint16_t> next(dfa.states() * kept.size());
  for (std::size_t state = 0; state < dfa.states(); ++state)
    for (std::size_t k = 0; k < kept.size(); ++k)
      next[state * kept.size() + k] = dfa.next[state * dfa.classes + kept[k]];
  for (auto& c : dfa.class_of) c = now[c];
  dfa.next = std::move(next);
  dfa.classes = kept.size();
}

}  // namespace

void minimise(Dfa& dfa) {
  Partition partition(dfa.labels);
  refine(dfa, partition);
  const std::size_t blocks = partition.blocks().size();
  std::vector<std::uint16_t> number(blocks, 0xffff);
  std::uint16_t count = 0;
  number[partition.block_of(0)] = count++;
  std::vector<std::uint32_t> example{0};
  for (std::uint32_t state = 1; state < dfa.states(); ++state) {
    auto& mine = number[partition.block_of(state)];
    if (mine != 0xffff) continue;
    mine = count++;
    example.push_back(state);
  }
  Dfa small;
  small.classes = dfa.classes;
  small.class_of = dfa.class_of;
  small.next.reserve(blocks * dfa.classes);
  for (const std::uint32_t state : example) {
    small.labels.push_back(dfa.labels[state]);
    for (std::size_t c = 0; c < dfa.classes; ++c)
      small.next.push_back(number[partition.block_of(dfa.next[state * dfa.classes + c])]);
  }
  for (const std::uint16_t start : dfa.starts) small.starts.push_back(number[partition.block_of(start)]);
  dfa = std::move(small);
  merge_classes(dfa);
}

}  // namespace weft
