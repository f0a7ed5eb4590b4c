// SPDX-License-Identifier: Apache-2.0
// Kafka's door and the pipeline behind it, fed from a client's connection.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "assemble/pipeline_core.h"
#include "decode/kafka/exchanges.h"
#include "support/kafka_messages/wire.h"

namespace weft::test::kafka {

class NoResources final : public ResourceSource {
 public:
  std::shared_ptr<const Resource> of(pid_t) override { return nullptr; }
};

struct Scene {
  static constexpr int version = 11;  // of Fetch

  ManualClock clock;
  NoResources resources;
  std::vector<Span> spans, unsampled;
  std::vector<std::string> records;  // what went through the door
  std::uint64_t random = 1;
  SpanPipeline pipeline;
  KafkaExchanges kafka;
  Wire wire;

  explicit Scene(KafkaOptions options = {}, PipelineOptions pipeline_options = {})
      : pipeline(
            std::move(pipeline_options), clock, resources,
            [this](const Assembled& assembled) { (assembled.record ? spans : unsampled).push_back(*assembled.span); }),
        kafka(
            [this](std::span<const std::byte> record) {
              records.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
              pipeline.feed(record);
            },
            with_random(std::move(options))),
        wire([this](std::span<const std::byte> record) { kafka.feed(record); }) {}

  KafkaOptions with_random(KafkaOptions options) {
    options.random = [this] { return random++; };
    return options;
  }
  void fetched(const std::string& records_bytes, Partition partition = {}, int correlation_id = 5) {
    partition.records = records_bytes;
    wire.response(1, version, correlation_id, fetch_response(version, 1, {{{"orders"}, {partition}}}));
  }
};

}  // namespace weft::test::kafka
