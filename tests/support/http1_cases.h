// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "support/http1_run.h"

namespace weft::test {

struct Http1Case {
  std::string rule;
  std::string text;
  Http1Outcome outcome = Http1Outcome::kBetween;
  int messages = 1;  // complete ones
  bool responses = false;
  int request_method = 0;  // enum http1_method
};

// RFC 9112 and what attackers make of it.
std::vector<Http1Case> http1_cases();

}  // namespace weft::test
