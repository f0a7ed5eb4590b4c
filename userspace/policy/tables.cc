// SPDX-License-Identifier: Apache-2.0
#include "policy/tables.h"

#include <cstdlib>
#include <new>

#include "wire/policy_lexer.h"

namespace weft {
namespace {

constexpr std::size_t unit_cells = POLICY_ROW_UNIT / sizeof(__u16);

}  // namespace

// calloc, so that cells that are never used stay addresses without memory. Row 0, the dead state: a cell for each
// class.
Tables::Tables() : set_(static_cast<policy_set*>(std::calloc(1, sizeof(policy_set))), std::free), used_(260) {
  if (!set_) throw std::bad_alloc();
  policy_set_open(set_.get());
}

bool Tables::place(std::string name, const Dfa& dfa, const std::vector<Use>& uses, std::vector<std::uint16_t>& starts) {
  const std::size_t width = (dfa.classes + 1 + unit_cells - 1) / unit_cells * unit_cells, base = used_;
  if (base + (dfa.states() - 1) * width > POLICY_CELLS) return false;
  const auto row = [&](std::size_t state) {
    return static_cast<std::uint16_t>(state == 0 ? 0 : (base + (state - 1) * width) / unit_cells);
  };
  for (std::size_t state = 1; state < dfa.states(); ++state) {
    __u16* cells = &set_->cells[row(state) * unit_cells];
    cells[0] = dfa.labels[state];
    for (std::size_t c = 0; c < dfa.classes; ++c) cells[c + 1] = row(dfa.next[state * dfa.classes + c]);
  }
  used_ = base + (dfa.states() - 1) * width;
  for (const Use& use : uses)
    for (unsigned mode = use.first_mode; mode <= use.last_mode; ++mode)
      for (unsigned byte = 0; byte < 256; ++byte)
        set_->bytes[mode][byte] |= static_cast<__u32>((dfa.class_of[byte] + 1) * sizeof(__u16))
                                   << (use.second ? POLICY_SECOND : 0);
  starts.clear();
  for (const std::uint16_t start : dfa.starts) starts.push_back(row(start));
  size_.automata.push_back({std::move(name), dfa.states(), dfa.classes, (dfa.states() - 1) * width * sizeof(__u16)});
  size_.table_bytes = used_ * sizeof(__u16);
  return true;
}

}  // namespace weft
