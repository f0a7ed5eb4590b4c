// SPDX-License-Identifier: Apache-2.0
// Where librdkafka keeps what its interface does not say, read in the code of two functions that it exports. A version
// or a build of which that is not certain has no layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace weft {

// Offsets in bytes, as in wire/kafka_consume.h.
struct RdkafkaLayout {
  std::uint16_t headers = 0;  // of a message: the length of its raw headers, and eight bytes on their address
  std::uint16_t topic = 0;    // of a topic: where its name is described …
  std::uint16_t name = 0;     // … and in that the name
  bool operator==(const RdkafkaLayout&) const = default;
};

// The first bytes of rd_kafka_message_headers and of rd_kafka_topic_name.
std::optional<RdkafkaLayout> rdkafka_layout(std::span<const std::byte> message_headers,
                                            std::span<const std::byte> topic_name);

}  // namespace weft
