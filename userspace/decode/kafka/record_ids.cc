// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/record_ids.h"

#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

namespace weft::kafka {
namespace {

constexpr std::size_t most_kept = 32768;  // twice

}  // namespace

std::optional<kafka_record_ids> RecordIds::of(const MessageEvent& event) {
  const MessageFields& fields = event.fields;
  kafka_record_name name{};
  if (event.topic.empty() || event.topic.size() >= sizeof name.topic) return std::nullopt;
  if (fields.facts & kMessageContinued) {
    std::memcpy(name.trace_id, fields.ids.trace_id, sizeof name.trace_id);
    std::memcpy(name.parent_id, fields.ids.parent_span_id, sizeof name.parent_id);
  }
  name.tgid = fields.tgid;
  name.partition = fields.partition;
  name.offset = fields.offset;
  std::memcpy(name.topic, event.topic.data(), event.topic.size());
  kafka_record_ids ids{};
  kafka_record_make_ids(&name, key_[0], key_[1], &ids);
  return is_new(wire_load64(ids.span_id), partition_of(event)) ? std::optional(ids) : std::nullopt;
}

std::uint64_t RecordIds::partition_of(const MessageEvent& event) {
  const std::uint64_t place =
      std::uint64_t{event.fields.tgid} << 32 | static_cast<std::uint32_t>(event.fields.partition);
  return std::hash<std::string_view>{}(event.topic) ^ place * 0x9e3779b97f4a7c15u;
}

std::optional<std::uint64_t> RecordIds::partition_of(std::uint64_t span) const {
  for (const auto* spans : {&now_, &before_})
    if (const auto found = spans->find(span); found != spans->end()) return found->second;
  return std::nullopt;
}

bool RecordIds::is_new(std::uint64_t span, std::uint64_t partition) {
  if (before_.contains(span) || !now_.try_emplace(span, partition).second) return false;
  if (now_.size() >= most_kept) before_ = std::exchange(now_, {});
  return true;
}

}  // namespace weft::kafka
