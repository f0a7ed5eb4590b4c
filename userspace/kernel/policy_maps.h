// SPDX-License-Identifier: Apache-2.0
// The baggage policy as the kernel programs run it: complete rule sets, replaced as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/policy_set.h"

namespace weft {

// What scopes and injections are matched against. Empty: unknown.
struct PolicyIdentity {
  std::string service, service_namespace, kubernetes_namespace, environment;
  auto operator<=>(const PolicyIdentity&) const = default;
};

// One rule set: the tables of its top level, then of its scopes, and what of it is for a service.
struct PolicyImage {
  std::uint64_t generation = 0;  // the caller's name for it
  std::vector<std::shared_ptr<const policy_set>> sets;
  std::function<policy_service(const PolicyIdentity&)> service;
};

struct PolicyCounts {
  std::uint64_t generation = 0;
  std::vector<policy_counters> sets;         // in the order of PolicyImage::sets
  std::vector<policy_counters> differences;  // of a shadow: what it does that the live set does not
};

// A connection on which baggage that an application sends by itself went out as it was, although it could not be judged
// or the policy does not let it pass.
struct UnenforcedConnection {
  std::uint64_t connection_id = 0;
  std::uint32_t pid = 0;
  std::string protocol;
  std::string local, peer;                       // address and port
  std::uint64_t last_ns = 0;                     // CLOCK_MONOTONIC
  std::map<std::string, std::uint64_t> reasons;  // how many messages, by why they were not changed
};

// Thread-safe.
class PolicyMaps {
 public:
  virtual ~PolicyMaps() = default;
  // Every evaluation that begins after its return is by this set as a whole; until then, by it or by the one before
  // it, as a whole. What was judged stays judged. On an error the set before it stays.
  virtual Result<void> publish(const PolicyImage& image) = 0;
  // A rule set beside it that judges the same texts, without effect but its counts. Replaces the one before.
  virtual Result<void> publish_shadow(const PolicyImage& image) = 0;
  virtual void end_shadow() = 0;
  // Since they were published, all CPUs together: the live set's, after it those of the sets before it, newest first.
  // The numbers of one that publish() is about to forget are its last. Ask before publishing.
  virtual std::vector<PolicyCounts> counts() = 0;
  virtual std::optional<PolicyCounts> shadow_counts() = 0;
  // The last thousand of them, closed ones too, the newest first.
  virtual std::vector<UnenforcedConnection> unenforced() = 0;
};

}  // namespace weft
