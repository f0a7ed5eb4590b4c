// SPDX-License-Identifier: Apache-2.0
// What tests of the baggage policy in the kernel share: small rule sets, and a request that passes through a program.
#pragma once

#include <functional>
#include <string>

#include "control/policy_image.h"
#include "lifecycle_scene.h"

namespace weft::test {

inline const std::string kContext = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

PlacedText text(std::string value);
RuleSet denying(std::string key);
Injection injecting(std::string key, std::string value, std::string path = {}, std::string service = {});
PolicyImage image(const RuleSet& rules, std::uint64_t generation = 1);
void publish(Scene& scene, const RuleSet& rules, std::uint64_t generation = 1);

// What the agent never does: no rule set is live any more.
void take_away_live_set();

// One request to the program, a call of it on behalf of that request, its answer. What the call carried.
struct Passed {
  std::string baggage;  // "-": no such header
  ReportedRequest request;
};
Passed pass(Scene& scene, const std::string& target, const std::string& baggage_lines,
            const std::string& context = kContext, const std::function<void()>& between = {});

}  // namespace weft::test
