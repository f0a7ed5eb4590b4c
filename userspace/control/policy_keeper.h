// SPDX-License-Identifier: Apache-2.0
// Keeps the policy that is in force: reads it at the start, follows its file, takes what is pushed. What cannot be used
// is refused with its place, and the set before it stays.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "control/config.h"
#include "control/file_watch.h"
#include "control/policy_control.h"
#include "kernel/policy_maps.h"
#include "policy/totals.h"

namespace weft {

class PolicyKeeper final : public PolicyControl {
 public:
  struct Parts {
    PolicyMaps& target;  // the kernel programs
    const Clock& clock;
    std::function<void(bool bad, const std::string& line)> log;
  };
  // The parts outlive the object.
  explicit PolicyKeeper(Parts parts) : parts_(std::move(parts)) {}

  // Errors are one line with the place: the agent is not to start with a policy that it cannot carry out.
  Result<void> start(const BaggageConfig& config);
  // SIGHUP: perhaps another file; what is there is read again.
  void reload(const BaggageConfig& config);
  // weft.yaml has changed: a policy that stands in it is taken anew, one in a file of its own only when it is another
  // file or has other limits now, so that what was pushed since holds otherwise.
  void config_changed(const BaggageConfig& config);
  // weft.yaml cannot be used: a refusal when the policy stands in it.
  void config_refused(const std::string& reason);
  // Whatever is due: a changed file, the end of a trial. Cheap; called often, from one thread.
  void poll();

  // For status and metrics.
  struct Summary {
    std::string version, name, origin;
    std::uint64_t generation = 0, since_unix_ns = 0;
    std::uint64_t applied = 0, refused = 0;
    std::string problem;  // the last attempt was refused; empty: it was not
  };
  Summary summary();
  PolicyTotals::Pairs totals();
  // Called by poll() after every change with what tells baggage keys whose values may be metric labels; empty: none.
  std::function<void(std::function<bool(std::string_view key)>)> on_value_keys;

  PolicyStatus policy_status() override;
  std::expected<PolicyReport, PolicyRefusal> apply_policy(const std::string& yaml, const std::string& name) override;
  std::expected<PolicyReport, PolicyRefusal> try_policy(const std::string& yaml, const std::string& name,
                                                        std::chrono::nanoseconds duration) override;
  void end_trial() override;
  Result<PolicyExplanation> explain_policy(const PolicyQuestion& question) override;

 private:
  using Applied = std::expected<PolicyReport, PolicyRefusal>;
  // All of these REQUIRE mutex_. What came of the first two is in live_ and refusal_.
  void apply(const ReadPolicy& read, const std::string& name, const char* origin);
  void refuse(const std::string& name, PolicyError error);
  void take_config(const BaggageConfig& config);
  void follow(const BaggageConfig& config);
  void tell_change();
  void take_file(bool missing_is_fine);
  void finish_trial();
  void update_totals();

  const Parts parts_;
  std::mutex mutex_;
  BaggageConfig config_;
  std::unique_ptr<FileWatch> watch_;      // none for a policy inside weft.yaml, which others follow
  std::optional<std::string> file_text_;  // as it was read last, used or not
  std::uint64_t generation_ = 0;          // counts trials, too
  std::uint64_t told_ = 0;                // the one that on_value_keys knows
  std::uint64_t applied_ = 0, refused_ = 0;
  PolicyReport live_;
  std::optional<PolicyReport> shadow_;
  std::optional<PolicyRefusal> refusal_;                              // of the last attempt
  std::map<std::uint64_t, std::shared_ptr<const RuleSet>> rules_of_;  // of generations that still count
  PolicyTotals totals_;
};

// Whether the configured policy can be used: the same reading and compiling, without an agent.
Result<void> check_policy(const BaggageConfig& config);

}  // namespace weft
