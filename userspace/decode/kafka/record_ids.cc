// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/record_ids.h"

#include <cstring>
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
  return is_new(wire_load64(ids.span_id)) ? std::optional(ids) : std::nullopt;
}

bool RecordIds::is_new(std::uint64_t span) {
  if (before_.contains(span) || !now_.insert(span).second) return false;
  if (now_.size() >= most_kept) before_ = std::exchange(now_, {});
  return true;
}

}  // namespace weft::kafka
