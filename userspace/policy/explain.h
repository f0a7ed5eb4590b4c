// SPDX-License-Identifier: Apache-2.0
// What a rule set makes of one baggage text, member by member, and why: by the automaton that the kernel programs run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/compile.h"
#include "policy/rule_set.h"

namespace weft {

struct PolicyQuestion {
  std::string baggage;  // as in a header
  PolicySubject subject;
  std::string path = "/";         // of the request
  std::optional<double> percent;  // where the trace lies, 0 to 100; absent: scopes with a percentage are passed over
};

struct MemberFate {
  std::string member;  // as it came; empty for one that is injected
  std::string fate;    // name of its policy_action: "kept", "redacted", "denied", …
  std::string reason;  // in the words of the file: "rule 'user.*' (line 4): longer than its max_length 64"
  Place place;         // of what decided; line 0: nothing in the file
  std::string out;     // what goes out; empty: nothing
};

struct PolicyExplanation {
  std::string version;
  std::string scope;  // "top level" or "scope 1 (line 9)"
  std::string out;    // the header's value; empty: no header
  std::vector<MemberFate> members;
  std::vector<std::string> missing;  // required keys that did not come
};

PolicyExplanation explain(const CompiledSet& set, const PolicyQuestion& question);

// "kept", "redacted", "denied", …: the words of commands, answers and metrics for enum policy_action.
std::string_view policy_action_name(policy_action action);

}  // namespace weft
