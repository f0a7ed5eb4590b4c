// SPDX-License-Identifier: Apache-2.0
// Produce (key 0), versions 3 to 13: https://kafka.apache.org/protocol#The_Messages_Produce
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "decode/kafka/reader.h"

namespace weft::kafka {

// From version 13 on (Fetch too) the broker's id of the topic stands for its name.
struct Topic {
  std::string_view name;
  std::optional<Uuid> id;
};

struct ProducePartition {
  Topic topic;
  std::int32_t partition = 0;
  Bytes records;  // record batches
};
struct ProduceRequest {
  std::optional<std::string_view> transactional_id;
  std::int16_t acks = 0;
  std::vector<ProducePartition> partitions;
};

struct ProduceResult {
  Topic topic;
  std::int32_t partition = 0;
  std::int16_t error_code = 0;
  std::int64_t base_offset = -1;
};
struct ProduceResponse {
  std::vector<ProduceResult> partitions;
  std::int32_t throttle_ms = 0;
};

// Texts and records point into `body`. On a fault the out parameter holds what was read before it: a partition whose
// records are cut is the last of them.
std::expected<void, Fault> read_produce_request(Bytes body, std::int16_t version, ProduceRequest& out);
std::expected<void, Fault> read_produce_response(Bytes body, std::int16_t version, ProduceResponse& out);

}  // namespace weft::kafka
