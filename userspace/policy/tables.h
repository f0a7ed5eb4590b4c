// SPDX-License-Identifier: Apache-2.0
// Puts automata into the cells of one policy_set.
#pragma once

#include <string>

#include "policy/compile.h"
#include "policy/dfa.h"

namespace weft {

class Tables {
 public:
  Tables();

  // Which entries of policy_set.bytes an automaton is for: modes [first, last], as the first or the second one.
  struct Use {
    unsigned first_mode, last_mode;
    bool second;
  };
  // False: there is no room left. Otherwise `starts` holds its first states.
  bool place(std::string name, const Dfa& dfa, const std::vector<Use>& uses, std::vector<std::uint16_t>& starts);

  policy_set& set() { return *set_; }
  PolicySize& size() { return size_; }
  std::shared_ptr<const policy_set> take() { return std::move(set_); }

 private:
  std::shared_ptr<policy_set> set_;
  PolicySize size_;
  std::size_t used_;  // cells
};

}  // namespace weft
