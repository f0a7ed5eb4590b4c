// SPDX-License-Identifier: Apache-2.0
// The text of a Produce request's event: struct kafka_produce and what follows it (bpf/wire/events.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/events.h"

namespace weft {

struct ProducedPartition {
  kafka_produce_partition fields{};
  std::string_view topic;  // or the 16 bytes of its id
};
struct ProduceText {
  kafka_produce fields{};
  std::string_view client_id;
  std::vector<ProducedPartition> partitions;
};

// nullopt: it is not well-formed. Texts point into `text`; every partition names its topic.
std::optional<ProduceText> read_produce_text(std::string_view text);
std::string write_produce_text(const ProduceText& produce);

}  // namespace weft
