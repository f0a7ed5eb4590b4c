// SPDX-License-Identifier: Apache-2.0
// What the programs that speak Kafka share: librdkafka's handles, and records as lines of text.
//
//   PARTITION OFFSET TIMESTAMP KEY VALUE [NAME VALUE]…
//
// separated by spaces; bytes in hexadecimal behind an x, and - for null.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::app {

[[noreturn]] void give_up(std::string_view why);

struct RecordLine {
  int partition = 0;
  long long offset = -1, timestamp = 0;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

RecordLine read_record(std::string_view line);
std::string write_record(const RecordLine& record);

template <auto free>
struct Free {
  void operator()(auto* thing) const { free(thing); }
};
using Client = std::unique_ptr<rd_kafka_t, Free<rd_kafka_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Free<rd_kafka_message_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, Free<rd_kafka_topic_partition_list_destroy>>;

// With the settings NAME=VALUE.
rd_kafka_conf_t* configuration(std::span<char*> settings);
Client make_client(rd_kafka_type_t type, rd_kafka_conf_t* settings);

}  // namespace weft::app
