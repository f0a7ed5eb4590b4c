// SPDX-License-Identifier: Apache-2.0
#include "agent/config_options.h"

#include <algorithm>

#include "control/pipeline_options.h"

namespace weft {

PropagationOptions propagation_options(const PropagationConfig& config, const KafkaConfig& kafka) {
  const auto writes_to = [&config](Protocol protocol) {
    return std::ranges::find(config.protocols, protocol) != config.protocols.end();
  };
  return {.extract = config.extract,
          .inject = writes_to(Protocol::http) ? config.inject : std::vector<ContextFormat>{},
          .inject_http2 = writes_to(Protocol::grpc),
          .inject_kafka = writes_to(Protocol::kafka),
          .kafka_singles = config.kafka_per_key_headers,
          .kafka_each_most = kafka.span_per_batch ? 0 : static_cast<std::uint32_t>(kafka.record_limit),
          .kafka_topics = !kafka.topics.empty(),
          .kafka_batch_most = kafka.message_max_bytes,
          .trust_incoming = config.trust_incoming,
          .destinations = destination_rules(config.context_destinations, config.baggage_destinations)};
}

KernelOptions kernel_options_of(const Config& config, const KernelReport& report) {
  KernelOptions options;
  options.capture = report.capture;
  options.ring_bytes = config.capture.ring_bytes;
  options.max_connections = config.capture.max_connections;
  options.header_bytes = config.capture.header_bytes;
  options.response_text = !config.capture.headers.empty();
  options.propagation = propagation_options(config.propagation, config.kafka);
  options.answer_headers = config.propagation.response_header;
  options.idle_timeout_ns = static_cast<std::uint64_t>(config.capture.idle_timeout.count());
  options.stream_timeout_ns = pipeline_options(config).limits.open_ns;  // its span has ended by then
  options.go_consumers = config.kafka.follow_consumers;
  options.enrol = can_enrol(report);
  return options;
}

DiscoveryRules discovery_rules(const Config& config, const KernelReport& report) {
  DiscoveryRules rules = config.discovery;
  rules.fionread_broken = report.fionread_broken;
  return rules;
}

}  // namespace weft
