// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/group.h"

#include "decode/kafka/api.h"
#include "decode/kafka/parts.h"

namespace weft::kafka {
namespace {

void read_offset_commit(Reader& reader, std::int16_t version, GroupMember& out) {
  out.group_id = reader.string();
  reader.skip(4);  // generation
  out.member_id = reader.string();
  if (version >= 7) out.instance_id = reader.nullable_string();
  if (version <= 4) reader.skip(8);  // retention
  read_array(reader, [&] {
    read_topic(reader, version >= 10);
    read_array(reader, [&] {
      reader.skip(12);                   // partition, offset
      if (version >= 6) reader.skip(4);  // leader epoch
      reader.nullable_string();          // metadata
      reader.tags();
    });
    reader.tags();
  });
}

void read_join_group(Reader& reader, std::int16_t version, GroupMember& out) {
  out.group_id = reader.string();
  reader.skip(version >= 1 ? 8 : 4);  // time-outs
  out.member_id = reader.string();
  if (version >= 5) out.instance_id = reader.nullable_string();
  reader.string();  // protocol type
  read_array(reader, [&] {
    reader.string();
    reader.nullable_bytes();
    reader.tags();
  });
  if (version >= 8) reader.nullable_string();  // reason
}

void read_sync_group(Reader& reader, std::int16_t version, GroupMember& out) {
  out.group_id = reader.string();
  reader.skip(4);  // generation
  out.member_id = reader.string();
  if (version >= 3) out.instance_id = reader.nullable_string();
  if (version >= 5) {
    reader.nullable_string();  // protocol type
    reader.nullable_string();  // protocol name
  }
  read_array(reader, [&] {
    reader.string();
    reader.nullable_bytes();
    reader.tags();
  });
}

void read_heartbeat(Reader& reader, std::int16_t version, GroupMember& out) {
  out.group_id = reader.string();
  reader.skip(4);  // generation
  out.member_id = reader.string();
  if (version >= 3) out.instance_id = reader.nullable_string();
}

void read_consumer_group_heartbeat(Reader& reader, std::int16_t version, GroupMember& out) {
  out.group_id = reader.string();
  out.member_id = reader.string();
  reader.skip(4);  // epoch
  out.instance_id = reader.nullable_string();
  reader.nullable_string();  // rack
  reader.skip(4);            // rebalance time-out
  read_array(reader, [&] { reader.string(); });
  if (version >= 1) reader.nullable_string();  // pattern of topics
  reader.nullable_string();                    // assignor
  read_array(reader, [&] {
    reader.uuid();
    reader.skip_i32_array();
    reader.tags();
  });
}

}  // namespace

std::expected<void, Fault> read_group_request(std::int16_t api_key, Bytes body, std::int16_t version,
                                              GroupMember& out) {
  out = {};
  const auto range = versions_of(api_key);
  if (!range || !range->has(version)) return std::unexpected(Fault::unsupported);
  Reader reader(body, version >= range->first_flexible);
  switch (static_cast<ApiKey>(api_key)) {
    case ApiKey::offset_commit:
      read_offset_commit(reader, version, out);
      break;
    case ApiKey::join_group:
      read_join_group(reader, version, out);
      break;
    case ApiKey::sync_group:
      read_sync_group(reader, version, out);
      break;
    case ApiKey::heartbeat:
      read_heartbeat(reader, version, out);
      break;
    case ApiKey::consumer_group_heartbeat:
      read_consumer_group_heartbeat(reader, version, out);
      break;
    default:
      return std::unexpected(Fault::unsupported);
  }
  reader.tags();
  return reader.end();
}

}  // namespace weft::kafka
