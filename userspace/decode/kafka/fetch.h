// SPDX-License-Identifier: Apache-2.0
// Fetch (key 1), versions 4 to 18: https://kafka.apache.org/protocol#The_Messages_Fetch
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "decode/kafka/produce.h"
#include "decode/kafka/reader.h"

namespace weft::kafka {

struct FetchedFrom {
  Topic topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};
// Within a fetch session (KIP-227, version 7 and later) a request names only what has changed since the last one.
struct FetchRequest {
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  bool read_committed = false;
  std::vector<FetchedFrom> partitions;
};

// Records of this producer from `first_offset` on, up to its next control batch, were aborted.
struct AbortedTransaction {
  std::int64_t producer_id = 0;
  std::int64_t first_offset = 0;
};
struct FetchPartition {
  Topic topic;
  std::int32_t partition = 0;
  std::int16_t error_code = 0;
  std::int64_t high_watermark = -1;
  std::vector<AbortedTransaction> aborted;
  Bytes records;  // record batches; a broker may cut the last one, and may begin before the offset that was asked for
};
struct FetchResponse {
  std::int32_t throttle_ms = 0;
  std::int16_t error_code = 0;
  std::int32_t session_id = 0;
  std::vector<FetchPartition> partitions;
};

// As in produce.h: everything points into `body`, and what stands before a fault has been read.
std::expected<void, Fault> read_fetch_request(Bytes body, std::int16_t version, FetchRequest& out);
std::expected<void, Fault> read_fetch_response(Bytes body, std::int16_t version, FetchResponse& out);

}  // namespace weft::kafka
