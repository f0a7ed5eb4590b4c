// SPDX-License-Identifier: Apache-2.0
// The agent's part in a configuration file that changes: what comes into force, and what is said of the rest.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "agent/agent.h"
#include "agent/config_options.h"
#include "control/pipeline_options.h"

namespace weft {

void Agent::reload(const Config& config, Reload why) {
  auto restart_keys = keys_for_a_restart(config_, config);
  if (!restart_keys.empty())
    spdlog::warn("changed, and in force only after a restart: {}", fmt::join(restart_keys, ", "));
  std::string problem;
  if (auto done = reload_propagation(config.propagation, reloaded_kafka(config.kafka)); !done) {
    problem = fmt::format("{}; the propagation before it stays in force", done.error().message);
    spdlog::error("{}", problem);
  }
  set_config_problem(std::move(problem), std::move(restart_keys));
  config_.discovery = config.discovery;
  config_.routes = config.routes;
  reload_sampling(config.sampling);
  discoverer_->set_rules(discovery_rules(config_, report_));
  pipeline_->set_routes(route_options(config_.routes));
  if (why == Reload::asked)
    policy_->reload(config.baggage);
  else
    policy_->config_changed(config.baggage);
}

void Agent::refuse_config(const std::string& reason) {
  std::string problem = fmt::format("configuration refused: {}; the one before it stays in force", reason);
  spdlog::error("{}", problem);
  policy_->config_refused(reason);
  set_config_problem(std::move(problem), restart_keys());
}

// Without what needs a restart (keys_for_a_restart).
KafkaConfig Agent::reloaded_kafka(KafkaConfig kafka) const {
  const KafkaConfig& running = config_.kafka;
  kafka.follow_consumers = running.follow_consumers;
  if (running.follow_consumers) {
    kafka.topics = running.topics;
    kafka.trace_id_header = running.trace_id_header;
    kafka.span_per_batch = running.span_per_batch;
  }
  return kafka;
}

Result<void> Agent::reload_propagation(const PropagationConfig& propagation, const KafkaConfig& kafka) {
  auto done = kernel_->set_propagation(propagation_options(propagation, kafka));
  if (done) {
    config_.propagation = propagation;
    config_.kafka = kafka;
  }
  http2_.set_trust_incoming(config_.propagation.trust_incoming);
  choose_kafka_topics();
  kafka_.configure(kafka_options());
  return done;
}

void Agent::set_config_problem(std::string problem, std::vector<std::string> restart_keys) {
  const std::lock_guard lock(config_problem_mutex_);
  config_problem_ = std::move(problem);
  restart_keys_ = std::move(restart_keys);
}

std::string Agent::config_problem() const {
  const std::lock_guard lock(config_problem_mutex_);
  return config_problem_;
}

std::vector<std::string> Agent::restart_keys() const {
  const std::lock_guard lock(config_problem_mutex_);
  return restart_keys_;
}

}  // namespace weft
