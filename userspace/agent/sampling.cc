// SPDX-License-Identifier: Apache-2.0
// The agent's part in sampling: what is decided in user space, and who hears of it.
#include <spdlog/spdlog.h>

#include "agent/agent.h"

namespace weft {

Result<void> Agent::build_sampling() {
  sampling_ = std::make_unique<SamplingController>(
      [this](const sampling_table& table) { return kernel_->set_sampling(table); });
  if (auto done = sampling_->configure(config_.sampling); !done) return done;
  keeper_ = std::make_unique<TraceKeeper>(config_.sampling.keep, KeepLimits{}, clock_, [this](const SpanPtr& span) {
    spans_.fetch_add(1, std::memory_order_relaxed);
    sinks_->keep(span);
  });
  return ask_sampling_server();
}

Result<void> Agent::ask_sampling_server() {
  const std::lock_guard lock(remote_mutex_);
  remote_.reset();
  if (!config_.sampling.remote) return {};
  auto remote = RemoteSampling::start(config_.sampling.jaeger_remote, *sampling_, clock_);
  if (!remote) return std::unexpected(remote.error());
  remote_ = std::move(*remote);
  return {};
}

void Agent::on_span(const Assembled& assembled) {
  spans_.fetch_add(assembled.record, std::memory_order_relaxed);
  sinks_->take(assembled);
  if (assembled.unsampled)
    keeper_->ends(assembled.span);
  else if (!assembled.record && assembled.span->trace_id.valid())
    keeper_->ends(assembled.span->trace_id);
}

// Where the P99 of routes is, for keep rules; which routes' ratios rise or fall.
void Agent::follow_routes(std::uint64_t now_ns) {
  const SamplingOptions& options = config_.sampling;
  const bool raise = options.adaptive.enabled() && now_ns >= next_raise_ns_;
  if (!raise && !options.keep.slower_than_p99) return;
  const auto rows = sinks_->routes.rows();
  keeper_->set_routes(rows);
  if (!raise) return;
  next_raise_ns_ = now_ns + static_cast<std::uint64_t>(options.adaptive.interval.count());
  auto next = raise_routes(options.adaptive, rows, raised_,
                           [this](const std::string& service, const std::string& method, const std::string& route) {
                             return sampling_->base_ratio(service, method, route);
                           });
  if (auto done = sampling_->set_raised(next); !done) spdlog::warn("{}", done.error().message);
  raised_ = std::move(next);
}

void Agent::reload_sampling(const SamplingOptions& options) {
  const bool another_server = options.remote != config_.sampling.remote ||
                              options.jaeger_remote.endpoint != config_.sampling.jaeger_remote.endpoint ||
                              options.jaeger_remote.interval != config_.sampling.jaeger_remote.interval;
  config_.sampling = options;
  if (!options.adaptive.enabled()) raised_.clear();
  keeper_->configure(options.keep);
  if (auto done = sampling_->configure(options); !done) spdlog::error("sampling: {}", done.error().message);
  if (!another_server) return;
  if (auto asked = ask_sampling_server(); !asked) spdlog::error("{}", asked.error().message);
}

SamplingReport Agent::sampling() {
  SamplingReport report;
  report.view = sampling_->view();
  report.keep = keeper_->counters();
  const std::lock_guard lock(remote_mutex_);
  if (remote_) report.remote = remote_->state();
  return report;
}

Result<void> Agent::set_sampling(std::optional<double> ratio, const std::string& service) {
  if (auto done = sampling_->set_ratio(ratio, service); !done) return done;
  spdlog::info("sampling of {}: {} by hand", service.empty() ? "all that nothing names" : service,
               ratio ? std::to_string(*ratio) : "as configured");
  return {};
}

}  // namespace weft
