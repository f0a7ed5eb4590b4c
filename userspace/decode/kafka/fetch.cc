// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/fetch.h"

#include <utility>

#include "decode/kafka/api.h"
#include "decode/kafka/parts.h"

namespace weft::kafka {
namespace {

constexpr std::size_t most_aborted = 4096;  // of one partition

void read_fetched_partition(Reader& reader, const Topic& topic, std::int16_t version, FetchResponse& out) {
  FetchPartition partition{.topic = topic};
  partition.partition = reader.i32();
  partition.error_code = reader.i16();
  partition.high_watermark = reader.i64();
  reader.skip(8);                    // last stable offset
  if (version >= 5) reader.skip(8);  // log start offset
  read_array(reader, [&] {
    AbortedTransaction aborted;
    aborted.producer_id = reader.i64();
    aborted.first_offset = reader.i64();
    reader.tags();
    if (partition.aborted.size() == most_aborted) return reader.fail(Fault::too_much);
    if (reader.ok()) partition.aborted.push_back(aborted);
  });
  if (version >= 11) reader.skip(4);  // preferred read replica
  if (!reader.ok()) return;
  if (out.partitions.size() == most_partitions) return reader.fail(Fault::too_much);
  partition.records = reader.nullable_bytes_so_far().value_or(Bytes{});
  out.partitions.push_back(std::move(partition));
  reader.tags();
}

}  // namespace

std::expected<void, Fault> read_fetch_request(Bytes body, std::int16_t version, FetchRequest& out) {
  out = {};
  if (!is_read(ApiKey::fetch, version)) return std::unexpected(Fault::unsupported);
  Reader reader(body, is_flexible(ApiKey::fetch, version));
  if (version <= 14) reader.skip(4);  // replica id
  reader.skip(12);                    // longest wait, least and most bytes
  out.read_committed = reader.i8() == 1;
  if (version >= 7) {
    out.session_id = reader.i32();
    out.session_epoch = reader.i32();
  }
  const bool by_id = version >= 13;
  read_array(reader, [&] {
    const Topic topic = read_topic(reader, by_id);
    read_array(reader, [&] {
      FetchedFrom from{.topic = topic};
      from.partition = reader.i32();
      if (version >= 9) reader.skip(4);  // current leader epoch
      from.offset = reader.i64();
      if (version >= 12) reader.skip(4);  // last fetched epoch
      if (version >= 5) reader.skip(8);   // log start offset
      reader.skip(4);                     // most bytes
      reader.tags();
      if (out.partitions.size() == most_partitions) return reader.fail(Fault::too_much);
      if (reader.ok()) out.partitions.push_back(from);
    });
    reader.tags();
  });
  if (version >= 7)
    read_array(reader, [&] {  // no longer wanted
      read_topic(reader, by_id);
      reader.skip_i32_array();
      reader.tags();
    });
  if (version >= 11) reader.string();  // rack
  reader.tags();
  return reader.end();
}

std::expected<void, Fault> read_fetch_response(Bytes body, std::int16_t version, FetchResponse& out) {
  out = {};
  if (!is_read(ApiKey::fetch, version)) return std::unexpected(Fault::unsupported);
  Reader reader(body, is_flexible(ApiKey::fetch, version));
  out.throttle_ms = reader.i32();
  if (version >= 7) {
    out.error_code = reader.i16();
    out.session_id = reader.i32();
  }
  read_array(reader, [&] {
    const Topic topic = read_topic(reader, version >= 13);
    read_array(reader, [&] { read_fetched_partition(reader, topic, version, out); });
    reader.tags();
  });
  reader.tags();
  return reader.end();
}

}  // namespace weft::kafka
