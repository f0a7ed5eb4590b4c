// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/metadata.h"

#include "decode/kafka/api.h"
#include "decode/kafka/parts.h"

namespace weft::kafka {
namespace {

void skip_brokers(Reader& reader, std::int16_t version) {
  read_array(reader, [&] {
    reader.skip(4);  // id
    reader.string();
    reader.skip(4);                              // port
    if (version >= 1) reader.nullable_string();  // rack
    reader.tags();
  });
}

void skip_partitions(Reader& reader, std::int16_t version) {
  read_array(reader, [&] {
    reader.skip(10);                   // error, index, leader
    if (version >= 7) reader.skip(4);  // leader epoch
    reader.skip_i32_array();           // replicas
    reader.skip_i32_array();           // those in sync
    if (version >= 5) reader.skip_i32_array();
    reader.tags();
  });
}

}  // namespace

std::expected<void, Fault> read_metadata_response(Bytes body, std::int16_t version, MetadataResponse& out) {
  out = {};
  if (!is_read(ApiKey::metadata, version)) return std::unexpected(Fault::unsupported);
  Reader reader(body, is_flexible(ApiKey::metadata, version));
  if (version >= 3) reader.skip(4);  // throttle time
  skip_brokers(reader, version);
  if (version >= 2) reader.nullable_string();  // cluster
  if (version >= 1) reader.skip(4);            // controller
  read_array(reader, [&] {
    MetadataTopic topic;
    topic.error_code = reader.i16();
    topic.topic.name = reader.nullable_string().value_or("");
    if (version >= 10) topic.topic.id = reader.uuid();
    if (version >= 1) reader.skip(1);  // internal
    if (out.topics.size() == most_partitions) return reader.fail(Fault::too_much);
    if (reader.ok()) out.topics.push_back(topic);
    skip_partitions(reader, version);
    if (version >= 8) reader.skip(4);  // authorized operations
    reader.tags();
  });
  if (version >= 8 && version <= 10) reader.skip(4);  // authorized operations
  if (version >= 13) reader.skip(2);                  // error
  reader.tags();
  return reader.end();
}

}  // namespace weft::kafka
