// SPDX-License-Identifier: Apache-2.0
// The agent: builds all parts, hands out references, and moves events from the kernel to the sinks.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "agent/kernel_target.h"
#include "agent/loop_errands.h"
#include "agent/readiness.h"
#include "agent/recorders.h"
#include "agent/sinks.h"
#include "agent/turn_priority.h"
#include "assemble/pipeline_core.h"
#include "control/agent_control.h"
#include "control/api_server.h"
#include "control/config.h"
#include "control/policy_keeper.h"
#include "decode/http2/exchanges.h"
#include "decode/kafka/exchanges.h"
#include "discover/discoverer.h"
#include "exporter/prometheus/agent_metrics.h"
#include "exporter/prometheus/process_metrics.h"
#include "exporter/prometheus/scrape_server.h"
#include "kernel/kernel.h"
#include "sampling/adaptive.h"
#include "sampling/controller.h"
#include "sampling/remote.h"
#include "sampling/trace_keeper.h"

namespace weft {

class Agent final : public AgentControl {
 public:
  // Everything is loaded, attached and listening when this returns. Errors are one line.
  static Result<std::unique_ptr<Agent>> start(const Config& config, KernelReport report);
  ~Agent() override;

  // One turn: drain the ring, and whatever is due. Returns how long nothing is due after it, in milliseconds.
  int turn();
  int wake_fd() const { return kernel_->events().wake_fd(); }  // readable: the next turn is not to wait
  // A configuration file that has changed leaves a policy alone that was pushed; SIGHUP asks for what the files say.
  enum class Reload { changed, asked };
  void reload(const Config& config, Reload why);
  void refuse_config(const std::string& reason);  // the one before it stays
  void stop();                                    // detach, flush within shutdown_timeout

  StatusReport status() override;
  std::vector<ProcessRow> processes() override;
  Result<std::vector<OpenSpan>> open_spans(const SpanFilter& filter, std::size_t limit) override;
  Result<void> attach(pid_t pid) override;
  Result<void> detach(pid_t pid) override;
  PolicyControl* policy() override { return policy_.get(); }
  SamplingReport sampling() override;
  Result<void> set_sampling(std::optional<double> ratio, const std::string& service) override;
  std::unique_ptr<EventSubscription> subscribe_events(EventHandler handler) override;

 private:
  Agent(const Config& config, KernelReport report);
  Result<void> build();
  Result<void> start_policy();
  Result<void> serve();
  std::size_t take_events();
  void on_event(EventBytes record);
  void see_kafka(EventBytes record);
  void on_whole_event(EventBytes record);  // … behind the doors where HTTP/2's header blocks and Kafka's frames end
  void on_process(const ProcessEvent& event);
  void on_socket(const SocketEvent& event);
  void see_request(EventBytes record);
  void on_span(const Assembled& assembled);
  Result<void> build_sampling();
  KafkaOptions kafka_options();
  void choose_kafka_topics();
  KernelOptions kernel_options() const;
  std::string records_not_followed() const;
  // Of a trace that begins with a message, or that its producer has decided on.
  bool is_sampled(std::uint32_t tgid, const TraceId& trace, std::optional<bool> producer);
  Result<void> ask_sampling_server();
  KafkaConfig reloaded_kafka(KafkaConfig kafka) const;
  Result<void> reload_propagation(const PropagationConfig& propagation, const KafkaConfig& kafka);
  void set_config_problem(std::string problem, std::vector<std::string> restart_keys);
  void follow_routes(std::uint64_t now_ns);
  void reload_sampling(const SamplingOptions& options);
  void every_second();
  AgentSnapshot snapshot();
  std::vector<std::string> problems() const;
  std::string config_problem() const;
  std::vector<std::string> restart_keys() const;
  std::map<std::string, std::uint64_t> losses();
  std::map<std::string, std::uint64_t> http2_blocks() const;
  KernelCounters kernel_counters();

  Config config_;
  const KernelReport report_;
  SystemClock clock_;
  const std::uint64_t started_unix_ns_, started_ns_;
  const std::array<std::uint64_t, 2> record_key_;  // of this run

  std::mutex kernel_mutex_;  // the kernel object is used by the event loop and by API threads
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Sinks> sinks_;
  std::unique_ptr<PolicyKeeper> policy_;
  std::unique_ptr<SamplingController> sampling_;
  std::unique_ptr<TraceKeeper> keeper_;
  std::vector<RaisedRoute> raised_;
  mutable std::mutex remote_mutex_;  // a reload replaces it while the API asks it
  std::unique_ptr<RemoteSampling> remote_;
  std::unique_ptr<KernelTarget> target_;
  std::unique_ptr<ResourceTable> resources_;
  std::unique_ptr<Discoverer> discoverer_;
  Http2Exchanges http2_;
  KafkaExchanges kafka_;
  std::unique_ptr<SpanPipeline> pipeline_;
  std::unique_ptr<Recorders> recorders_;
  std::unique_ptr<AgentMetrics> agent_metrics_;
  ProcessMetrics process_metrics_;
  std::unique_ptr<ScrapeServer> scrape_;
  std::unique_ptr<ApiServer> api_;
  LoopErrands errands_;  // of the API's threads

  TurnPriority priority_ = TurnPriority::of_this_thread();  // … that calls turn()
  std::uint64_t next_second_ns_ = 0, next_sweep_ns_ = 0, next_raise_ns_ = 0, last_event_ns_ = 0;
  std::atomic<std::uint64_t> spans_{0};
  std::uint64_t spans_before_ = 0;
  std::atomic<double> spans_per_second_{0};
  Readiness readiness_;
  mutable std::mutex counters_mutex_;  // those of the event loop, copied once a second
  PipelineCounters pipeline_counters_;
  Http2Counters http2_counters_;
  mutable std::mutex config_problem_mutex_;
  std::string config_problem_;             // of the file as it is now; empty: it is in force …
  std::vector<std::string> restart_keys_;  // … but for these keys, which differ and need a restart
};

}  // namespace weft
