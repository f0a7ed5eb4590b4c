// SPDX-License-Identifier: Apache-2.0
// Any bytes as a policy file. Invariants: it is read or refused with a place inside the text; what is read is within
// the limits, its warnings point into the file, and reading it again gives the same.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "control/policy_file.h"

namespace {

using namespace weft;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "policy_file_fuzz: %s\n", what);
  std::abort();
}

void check_place(const Place& place, std::string_view text, const char* what) {
  const auto lines = std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 2;
  require(place.line >= 0 && place.line <= lines && place.column >= 0, what);
}

void check_rules(const PolicyRules& rules) {
  require(!rules.rules || rules.rules->size() <= kMostBaggageRules, "too many rules were read");
  require(rules.redact.size() <= kMostRedactions, "too many redactions were read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = read_policy(text, "fuzz");
  if (!read) {
    require(!read.error().reason.empty(), "a refusal without a reason");
    check_place(read.error().place, text, "a refusal outside the text");
    return 0;
  }
  check_rules(read->rules.top);
  for (const PolicyScope& scope : read->rules.scopes) check_rules(scope.rules);
  std::size_t members = 0;
  for (const Injection& injection : read->rules.inject) members += injection.set.size();
  require(members <= kMostInjectedMembers, "too many injected members were read");
  for (const PolicyWarning& warning : read->warnings) {
    require(warning.place.line > 0, "a warning without a line");
    check_place(warning.place, text, "a warning outside the text");
    check_place(warning.other, text, "a warning that points outside the text");
  }
  const auto again = read_policy(text, "fuzz");
  require(again && again->warnings.size() == read->warnings.size() &&
              again->rules.top.deny.size() == read->rules.top.deny.size(),
          "read twice, two results");
  return 0;
}
