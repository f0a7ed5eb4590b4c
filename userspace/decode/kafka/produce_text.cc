// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/produce_text.h"

#include <cstring>

namespace weft {
namespace {

bool take(std::string_view& text, std::size_t bytes, std::string_view& piece) {
  if (text.size() < bytes) return false;
  piece = text.substr(0, bytes);
  text.remove_prefix(bytes);
  return true;
}

template <class T>
bool take(std::string_view& text, T& fields) {
  std::string_view piece;
  if (!take(text, sizeof fields, piece)) return false;
  std::memcpy(&fields, piece.data(), piece.size());
  return true;
}

template <class T>
void put(std::string& out, const T& fields) {
  out.append(reinterpret_cast<const char*>(&fields), sizeof fields);
}

}  // namespace

std::optional<ProduceText> read_produce_text(std::string_view text) {
  ProduceText produce;
  if (!take(text, produce.fields)) return std::nullopt;
  if (!take(text, produce.fields.client_id_bytes, produce.client_id)) return std::nullopt;
  ProducedPartition partition;
  for (unsigned i = 0; i < produce.fields.listed; i++) {
    const ProducedPartition before = partition;
    if (!take(text, partition.fields)) return std::nullopt;
    if (partition.fields.topic_is_id && partition.fields.topic_bytes && partition.fields.topic_bytes != 16)
      return std::nullopt;
    if (partition.fields.topic_bytes == 0) {
      partition.topic = before.topic;
      partition.fields.topic_is_id = before.fields.topic_is_id;
    } else if (!take(text, partition.fields.topic_bytes, partition.topic)) {
      return std::nullopt;
    }
    produce.partitions.push_back(partition);
  }
  if (!text.empty()) return std::nullopt;
  return produce;
}

std::string write_produce_text(const ProduceText& produce) {
  std::string out;
  kafka_produce fields = produce.fields;
  fields.client_id_bytes = static_cast<__u16>(produce.client_id.size());
  fields.listed = static_cast<__u16>(produce.partitions.size());
  put(out, fields);
  out.append(produce.client_id);
  std::string_view before;
  for (const ProducedPartition& partition : produce.partitions) {
    kafka_produce_partition one = partition.fields;
    const bool same = partition.topic == before;
    one.topic_bytes = static_cast<__u16>(same ? 0 : partition.topic.size());
    put(out, one);
    if (!same) out.append(partition.topic);
    before = partition.topic;
  }
  return out;
}

}  // namespace weft
