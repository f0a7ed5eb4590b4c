// SPDX-License-Identifier: Apache-2.0
// Metadata (key 3), versions 0 to 13: the topics' names, and from version 10 on their ids.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "decode/kafka/produce.h"
#include "decode/kafka/reader.h"

namespace weft::kafka {

struct MetadataTopic {
  std::int16_t error_code = 0;
  Topic topic;  // the name may be empty: nobody knows the id
};
struct MetadataResponse {
  std::vector<MetadataTopic> topics;
};

std::expected<void, Fault> read_metadata_response(Bytes body, std::int16_t version, MetadataResponse& out);

}  // namespace weft::kafka
