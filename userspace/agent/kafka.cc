// SPDX-License-Identifier: Apache-2.0
// What the configuration means at Kafka's door, and who decides there on the sampling of new traces.
#include <algorithm>
#include <random>

#include "agent/agent.h"
#include "sampling/pattern.h"
#include "wire/kafka_headers.h"
#include "wire/sampling.h"

namespace weft {

KafkaOptions Agent::kafka_options() {
  const auto& extract = config_.propagation.extract;
  KafkaOptions options;
  options.topics = config_.kafka.topics;
  options.span_per_batch = config_.kafka.span_per_batch;
  options.record_limit = config_.kafka.record_limit;
  options.context.formats.clear();
  for (const ContextFormat format : extract)
    if (format != ContextFormat::baggage) options.context.formats.push_back(static_cast<__u32>(format));
  options.context.baggage = std::ranges::find(extract, ContextFormat::baggage) != extract.end();
  options.context.trace_id_header = config_.kafka.trace_id_header;
  options.context.baggage_headers = config_.kafka.baggage_headers;
  options.trust_incoming = config_.propagation.trust_incoming;
  options.record_key = record_key_;
  options.limits.held.wait_ns = static_cast<std::uint64_t>(config_.capture.idle_timeout.count());
  options.followed = [this](std::uint32_t tgid) { return target_->follows_records(static_cast<pid_t>(tgid)); };
  options.on_unsampled_begin = [this](const TraceId& trace) { keeper_->begins(trace); };
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device()};
  options.on_chosen = [this](std::string_view topic) { kafka_caller_notes(*kernel_).choose_kafka_topic(topic); };
  options.random = [engine = std::mt19937_64(seed)]() mutable { return engine(); };
  options.sampled = [this](std::uint32_t tgid, const TraceId& trace, std::optional<bool> producer) {
    return is_sampled(tgid, trace, producer);
  };
  return options;
}

// Those that are named in full are known before anything is sent to them.
void Agent::choose_kafka_topics() {
  KafkaCallerNotes& kafka = kafka_caller_notes(*kernel_);
  kafka.forget_kafka_topics();
  for (const std::string& topic : config_.kafka.topics) kafka.choose_kafka_topic(topic);
}

// What is called for a record carries the record's own span on: there has to be one, with ids that the kernel knows.
std::string Agent::records_not_followed() const {
  if (!config_.kafka.follow_consumers) return "kafka.follow_consumers is off";
  if (config_.kafka.span_per_batch) return "kafka.span_per is batch";
  if (!config_.kafka.topics.empty()) return "kafka.topics leaves records without a span";
  if (config_.kafka.trace_id_header.size() > KAFKA_TRACE_NAME_BYTES) return "kafka.trace_id_header is too long";
  return {};
}

// As the kernel does where it follows what is done for a record: by the head that wire/kafka_headers.h makes of one.
bool Agent::is_sampled(std::uint32_t tgid, const TraceId& trace, std::optional<bool> producer) {
  if (producer && sampling_->options().parent_based) return *producer;
  const auto resource = resources_->of(static_cast<pid_t>(tgid));
  const double ratio = sampling_->base_ratio(resource ? resource->service_name : std::string(), "PROCESS", "*");
  return sampling_randomness(trace.bytes.data()) >= threshold_of(ratio);
}

}  // namespace weft
