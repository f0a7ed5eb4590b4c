// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/produce.h"

#include "decode/kafka/api.h"
#include "decode/kafka/parts.h"

namespace weft::kafka {

std::expected<void, Fault> read_produce_request(Bytes body, std::int16_t version, ProduceRequest& out) {
  out = {};
  if (!is_read(ApiKey::produce, version)) return std::unexpected(Fault::unsupported);
  Reader reader(body, is_flexible(ApiKey::produce, version));
  out.transactional_id = reader.nullable_string();
  out.acks = reader.i16();
  reader.skip(4);  // time-out
  read_array(reader, [&] {
    const Topic topic = read_topic(reader, version >= 13);
    read_array(reader, [&] {
      const std::int32_t partition = reader.i32();
      const auto records = reader.nullable_bytes_so_far();
      if (out.partitions.size() == most_partitions) return reader.fail(Fault::too_much);
      if (records) out.partitions.push_back({topic, partition, *records});
      reader.tags();
    });
    reader.tags();
  });
  reader.tags();
  return reader.end();
}

std::expected<void, Fault> read_produce_response(Bytes body, std::int16_t version, ProduceResponse& out) {
  out = {};
  if (!is_read(ApiKey::produce, version)) return std::unexpected(Fault::unsupported);
  Reader reader(body, is_flexible(ApiKey::produce, version));
  read_array(reader, [&] {
    const Topic topic = read_topic(reader, version >= 13);
    read_array(reader, [&] {
      ProduceResult result{.topic = topic};
      result.partition = reader.i32();
      result.error_code = reader.i16();
      result.base_offset = reader.i64();
      reader.skip(8);                    // log append time
      if (version >= 5) reader.skip(8);  // log start offset
      if (version >= 8) {
        read_array(reader, [&] {
          reader.skip(4);            // index in the batch
          reader.nullable_string();  // message
          reader.tags();
        });
        reader.nullable_string();  // message
      }
      reader.tags();
      if (out.partitions.size() == most_partitions) return reader.fail(Fault::too_much);
      if (reader.ok()) out.partitions.push_back(result);
    });
    reader.tags();
  });
  out.throttle_ms = reader.i32();
  reader.tags();
  return reader.end();
}

}  // namespace weft::kafka
