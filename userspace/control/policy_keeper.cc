// SPDX-License-Identifier: Apache-2.0
#include "control/policy_keeper.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "control/policy_file.h"
#include "control/policy_image.h"
#include "policy/key_glob.h"

namespace weft {
namespace {

PolicyLimits limits_of(const BaggageConfig& config) { return {config.max_members, config.max_bytes}; }

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string named(const std::string& version) { return version.empty() ? "without a version" : "version " + version; }

bool any_value_keys(const RuleSet& rules) {
  const auto of_set = [](const PolicyRules& set) {
    return set.rules && std::ranges::any_of(*set.rules, &BaggageRule::low_cardinality);
  };
  return of_set(rules.top) || std::ranges::any_of(rules.scopes, of_set, &PolicyScope::rules);
}

// Whether the first rule for a key, in whatever set, allows its values as metric labels. Remembers keys: it is asked
// for every member of every request.
class ValueKeys {
 public:
  explicit ValueKeys(RuleSet rules) : rules_(std::move(rules)) {}

  bool operator()(std::string_view key) {
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const bool found = of_set(rules_.top, key) || std::ranges::any_of(rules_.scopes, [&](const PolicyScope& scope) {
                         return of_set(scope.rules, key);
                       });
    if (known_.size() >= kMostKnown) known_.clear();
    known_.emplace(key, found);
    return found;
  }

 private:
  static constexpr std::size_t kMostKnown = 1000;

  static bool of_set(const PolicyRules& set, std::string_view key) {
    if (!set.rules) return false;
    const auto rule =
        std::ranges::find_if(*set.rules, [key](const auto& r) { return key_glob_matches(r.key.text, key); });
    return rule != set.rules->end() && rule->low_cardinality;
  }

  RuleSet rules_;
  std::map<std::string, bool, std::less<>> known_;
};

void add_counts(PolicyReport& report, const std::vector<policy_counters>& sets) {
  for (std::size_t n = 0; n < report.sets.size() && n < sets.size(); ++n) report.sets[n].counts = sets[n];
}

// What is configured, before anything has changed.
Result<ReadPolicy> configured(const BaggageConfig& config, std::optional<std::string>& text) {
  text.reset();
  if (config.policy) return *config.policy;
  if (!config.policy_named && !exists(config.policy_file)) return ReadPolicy{default_rule_set(), {}};
  auto whole = read_policy_file(config.policy_file);
  if (!whole) return std::unexpected(whole.error());
  text = *whole;
  auto read = read_policy(*whole, config.policy_file);
  if (!read) return fail(policy_message(config.policy_file, read.error()));
  return *read;
}

const char* origin_of(const BaggageConfig& config, const std::optional<std::string>& text) {
  return config.policy ? "inline" : text ? "file" : "default";
}

}  // namespace

std::string PolicyRefusal::message() const { return policy_message(name, error); }

Result<void> check_policy(const BaggageConfig& config) {
  std::optional<std::string> text;
  const auto read = configured(config, text);
  if (!read) return std::unexpected(read.error());
  const auto compiled = compile(read->rules, limits_of(config));
  if (!compiled) return fail(policy_message(read->rules.name, compiled.error()));
  return {};
}

Result<void> PolicyKeeper::start(const BaggageConfig& config) {
  const std::lock_guard lock(mutex_);
  follow(config);  // before reading: what changes from now on is seen
  const auto read = configured(config, file_text_);
  if (!read) return std::unexpected(read.error());
  apply(*read, read->rules.name, origin_of(config, file_text_));
  if (refusal_) return fail(refusal_->message());
  return {};
}

void PolicyKeeper::reload(const BaggageConfig& config) {
  const std::lock_guard lock(mutex_);
  take_config(config);
}

void PolicyKeeper::config_changed(const BaggageConfig& config) {
  const std::lock_guard lock(mutex_);
  const bool the_same = !config.policy && !config_.policy && config.policy_file == config_.policy_file &&
                        config.max_members == config_.max_members && config.max_bytes == config_.max_bytes;
  if (!the_same) take_config(config);
}

void PolicyKeeper::config_refused(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (config_.policy) refuse("", {{}, reason});
}

void PolicyKeeper::take_config(const BaggageConfig& config) {
  follow(config);
  if (config.policy) {
    apply(*config.policy, config.policy->rules.name, "inline");
    return;
  }
  file_text_.reset();  // asked for by name: read even when nothing has changed
  take_file(!config.policy_named && live_.origin == "default");
}

void PolicyKeeper::follow(const BaggageConfig& config) {
  if (config.policy)
    watch_.reset();
  else if (!watch_ || config.policy_file != config_.policy_file)
    watch_ = std::make_unique<FileWatch>(config.policy_file);
  config_ = config;
}

// A start that fails says why and nothing else: what is in force is told by the first turn.
void PolicyKeeper::tell_change() {
  if (told_ == live_.generation) return;
  told_ = live_.generation;
  if (live_.origin != "default")
    parts_.log(false, fmt::format("policy {} from {} is in force", named(live_.rules.version), live_.rules.name));
  if (on_value_keys) {
    std::function<bool(std::string_view)> wanted;
    if (any_value_keys(live_.rules)) wanted = ValueKeys(live_.rules);
    on_value_keys(std::move(wanted));
  }
}

void PolicyKeeper::poll() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;  // a set is being published, which waits for a grace period of the kernel: next time
  tell_change();      // of the start, or of a push
  if (watch_ && watch_->changed()) take_file(false);
  tell_change();
  if (shadow_ && shadow_->until_unix_ns && parts_.clock.unix_ns() >= shadow_->until_unix_ns) finish_trial();
}

void PolicyKeeper::take_file(bool missing_is_fine) {
  const std::string& path = config_.policy_file;
  if (missing_is_fine && !exists(path)) return;
  auto text = read_policy_file(path);
  if (!text) {
    file_text_.reset();
    refuse("", {{}, text.error().message});
    return;
  }
  if (file_text_ == *text) return;  // touched, not changed: what was pushed since holds
  file_text_ = std::move(*text);
  const auto read = read_policy(*file_text_, path);
  if (read)
    apply(*read, path, "file");
  else
    refuse(path, read.error());
}

void PolicyKeeper::apply(const ReadPolicy& read, const std::string& name, const char* origin) {
  const auto compiled = compile(read.rules, limits_of(config_));
  if (!compiled) return refuse(name, compiled.error());
  update_totals();
  const std::uint64_t generation = ++generation_;
  if (auto published = parts_.target.publish(policy_image(*compiled, generation)); !published)
    return refuse(name, {{}, published.error().message});
  rules_of_[generation] = std::make_shared<const RuleSet>(read.rules);
  live_ = PolicyReport{read.rules, read.warnings, origin, generation, parts_.clock.unix_ns(), {}, 0};
  for (const PolicySize& size : compiled->sizes) live_.sets.push_back({size, {}});
  ++applied_;
  refusal_.reset();
  for (const auto& warning : read.warnings) parts_.log(true, "policy: " + policy_message(name, warning));
}

void PolicyKeeper::refuse(const std::string& name, PolicyError error) {
  refusal_ = PolicyRefusal{name, std::move(error), parts_.clock.unix_ns()};
  ++refused_;
  if (generation_) {
    parts_.log(true, fmt::format("policy refused: {}; the one before it stays in force ({})", refusal_->message(),
                                 named(live_.rules.version)));
  }
}

PolicyKeeper::Applied PolicyKeeper::apply_policy(const std::string& yaml, const std::string& name) {
  const auto read = read_policy(yaml, name);
  const std::lock_guard lock(mutex_);
  if (read)
    apply(*read, name, "api");
  else
    refuse(name, read.error());
  if (refusal_) return std::unexpected(*refusal_);
  return live_;
}

PolicyKeeper::Applied PolicyKeeper::try_policy(const std::string& yaml, const std::string& name,
                                               std::chrono::nanoseconds duration) {
  const auto read = read_policy(yaml, name);
  const std::lock_guard lock(mutex_);
  // What is refused here changes nothing, so that it is no trouble of the agent's.
  const auto no = [&](PolicyError error) {
    return std::unexpected(PolicyRefusal{name, std::move(error), parts_.clock.unix_ns()});
  };
  if (!read) return no(read.error());
  const auto compiled = compile(read->rules, limits_of(config_));
  if (!compiled) return no(compiled.error());
  update_totals();
  const std::uint64_t generation = ++generation_;
  if (auto published = parts_.target.publish_shadow(policy_image(*compiled, generation)); !published)
    return no({{}, published.error().message});
  const std::uint64_t now = parts_.clock.unix_ns();
  shadow_ = PolicyReport{read->rules, read->warnings, "api", generation, now, {}, 0};
  if (duration.count() > 0) shadow_->until_unix_ns = now + static_cast<std::uint64_t>(duration.count());
  for (const PolicySize& size : compiled->sizes) shadow_->sets.push_back({size, {}});
  parts_.log(false,
             fmt::format("policy {} from {} is tried beside the one in force", named(read->rules.version), name));
  return *shadow_;
}

void PolicyKeeper::end_trial() {
  const std::lock_guard lock(mutex_);
  finish_trial();
}

void PolicyKeeper::finish_trial() {
  if (!shadow_) return;
  parts_.log(false, fmt::format("the trial of policy {} has ended", named(shadow_->rules.version)));
  parts_.target.end_shadow();
  shadow_.reset();
}

void PolicyKeeper::update_totals() {
  for (const auto& counts : parts_.target.counts()) {
    if (const auto rules = rules_of_.find(counts.generation); rules != rules_of_.end())
      totals_.update(counts.generation, *rules->second, counts.sets);
  }
  while (rules_of_.size() > POLICY_SLOTS + 1) rules_of_.erase(rules_of_.begin());
}

PolicyStatus PolicyKeeper::policy_status() {
  const std::lock_guard lock(mutex_);
  PolicyStatus status{live_, shadow_, applied_, refused_, refusal_, {}};
  const std::uint64_t now_ns = parts_.clock.monotonic_ns(), now_unix_ns = parts_.clock.unix_ns();
  for (UnenforcedConnection& one : parts_.target.unenforced()) {
    const std::uint64_t last_unix_ns = now_unix_ns - (now_ns - std::min(now_ns, one.last_ns));
    status.unenforced.push_back({std::move(one), last_unix_ns});
  }
  for (const auto& counts : parts_.target.counts())
    if (counts.generation == live_.generation) add_counts(status.live, counts.sets);
  if (shadow_) {
    const auto counts = parts_.target.shadow_counts();
    if (counts && counts->generation == shadow_->generation) add_counts(*status.shadow, counts->differences);
  }
  return status;
}

Result<PolicyExplanation> PolicyKeeper::explain_policy(const PolicyQuestion& question) {
  std::unique_lock lock(mutex_);
  const RuleSet rules = live_.rules;
  const PolicyLimits limits = limits_of(config_);
  lock.unlock();
  const auto compiled = compile(rules, limits);  // the tables are not kept: this is asked for by hand
  if (!compiled) return fail(policy_message(rules.name, compiled.error()));
  return explain(*compiled, question);
}

PolicyKeeper::Summary PolicyKeeper::summary() {
  const std::lock_guard lock(mutex_);
  Summary out{live_.rules.version, live_.rules.name, live_.origin, live_.generation,
              live_.since_unix_ns, applied_,         refused_,     {}};
  if (refusal_)
    out.problem = fmt::format("policy refused: {}; {} stays in force", refusal_->message(), named(live_.rules.version));
  return out;
}

PolicyTotals::Pairs PolicyKeeper::totals() {
  const std::lock_guard lock(mutex_);
  update_totals();
  return totals_.all();
}

}  // namespace weft
