// SPDX-License-Identifier: Apache-2.0
// For whom records are produced, and which one a task works for, by probes in a process's Kafka library.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kernel/kernel.h"
#include "wire/kafka_consume.h"

namespace weft {

struct KafkaCallSite {
  enum class Call : std::uint8_t {
    produce,
    producev,
    produceva,
    produce_batch,  // of librdkafka
    franz,
    sarama,
    sarama_batch,
    segmentio,               // of Go's libraries
  } call;                    // wire/kafka_note.h
  std::uint64_t offset = 0;  // in the file
};

struct KafkaConsumeSite {
  enum class Call : std::uint8_t {
    poll,
    topic,
    queue,
    batch,
    batch_queue,
    ends,
    ends_partition
  } call;                    // wire/kafka_consume.h
  std::uint64_t offset = 0;  // in the file
};

struct GoConsumeSite {
  enum class Place : std::uint8_t {
    fetch,
    fetched,  // of kafka-go
    poll,
    polled,
    next,
    next_record,  // of franz-go
    events,
    event,  // of confluent-kafka-go
    close,
    read                     // kafka-go's, which may fail behind what it fetched
  } place;                   // wire/kafka_consume.h
  std::uint64_t offset = 0;  // in the file
};

// Part of a Kernel. From the thread that traces processes only.
class KafkaCallerNotes {
 public:
  virtual ~KafkaCallerNotes() = default;
  // Kafka is spoken: makes room to build several requests at once; one can be without it.
  virtual Result<void> expect_kafka() = 0;
  // Has this traced process ever begun to serve a request that others can belong to?
  virtual bool serves(pid_t tgid) = 0;
  virtual Result<void> note_kafka_callers(pid_t tgid, const std::string& file,
                                          std::span<const KafkaCallSite> sites) = 0;
  // Has it ever sent a request that a context could go with?
  virtual bool calls(pid_t tgid) = 0;
  virtual Result<void> follow_kafka_consumers(pid_t tgid, const std::string& file,
                                              std::span<const KafkaConsumeSite> sites,
                                              const kafka_consume_layout& layout) = 0;
  // REQUIRES: its goroutines are traced; KernelOptions::go_consumers.
  virtual Result<void> follow_go_consumers(pid_t tgid, const std::string& file,
                                           std::span<const GoConsumeSite> sites) = 0;
  // With PropagationOptions::kafka_topics: records of this topic are changed, which is a name or the 16 bytes of an id.
  virtual void choose_kafka_topic(std::string_view topic) = 0;
  virtual void forget_kafka_topics() = 0;
  // Of both; also done by Kernel::untrace.
  virtual void forget_kafka_callers(pid_t tgid) = 0;
};
KafkaCallerNotes& kafka_caller_notes(Kernel& kernel);

}  // namespace weft
