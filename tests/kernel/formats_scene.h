// SPDX-License-Identifier: Apache-2.0
// A traced front between a client and a back end that this test plays: what comes in, what the front sends by itself,
// and byte for byte what arrives behind it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/traffic/agent.h"
#include "support/traffic/process.h"

namespace weft::test {

// Ids as the kernel programs reported them.
struct Ids {
  std::string trace, span, parent;  // hex
  bool sampled = false;
};

struct Seen {
  std::string arrived;  // at the back end
  SeenRequest server, client;
  std::string answered;  // to the client
};

class Scene {
 public:
  explicit Scene(const KernelOptions& options);

  // `incoming`: header lines of the request to the front. `pieces`: what the front then sends, one send each.
  Seen exchange(const std::vector<std::string>& incoming, const std::vector<std::string>& pieces);
  // Two requests at once from two clients; the second one's call is made while the first waits.
  // Of traces that begin here, and of those whose caller leaves it open.
  void sample_nothing_new();
  std::string summary() { return agent_->summary(); }
  KernelCounters counters() { return agent_->counters(); }
  policy_counters judged() { return agent_->policy_counts().at(0).sets.at(0); }  // by the set in force

 private:
  SeenRequest last(unsigned role);

  Listener front_, back_;
  std::unique_ptr<TestAgent> agent_;
  std::unique_ptr<ForkedChild> child_;
  std::size_t number_ = 0;
};

std::string head(const std::vector<std::string>& lines);  // of a GET, with these header lines
// Spaces in front, as a value that is written over a longer one.
std::string padded(const std::string& value, std::size_t bytes);

}  // namespace weft::test
