// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/held_records.h"

#include <algorithm>
#include <cstring>

#include "decode/kafka/message_event.h"
#include "decode/record.h"
#include "wire/port.h"

namespace weft::kafka {
namespace {

MessageFields fields_of(std::span<const std::byte> record) {
  return read_front<MessageFields>(record).value_or(MessageFields{});
}

}  // namespace

void HeldRecords::hold(std::uint64_t span, std::uint64_t partition, std::span<const std::byte> record) {
  held_.push_back({span, partition, {record.begin(), record.end()}});
  by_span_.insert_or_assign(span, std::prev(held_.end()));
  if (held_.size() > limits_.messages) release(held_.begin());
}

void HeldRecords::learn(std::uint64_t partition) {
  if (partitions_.size() >= limits_.partitions) partitions_.clear();
  partitions_.insert(partition);
}

bool HeldRecords::processed(const record_event& event) {
  const auto found = by_span_.find(wire_load64(event.span_id));
  if (found == by_span_.end()) return false;
  const Place held = found->second;
  MessageFields fields = fields_of(held->record);
  fields.given_ns = event.given_ns;
  fields.processed_ns = std::max(event.header.time_ns, event.given_ns);
  std::memcpy(held->record.data(), &fields, sizeof fields);
  learn(held->partition);
  release(held);
  return true;
}

HeldRecords::Place HeldRecords::release(Place held) {
  by_span_.erase(held->span);
  output_(held->record);
  return held_.erase(held);
}

void HeldRecords::expire(std::uint64_t now_ns) {
  while (!held_.empty() && fields_of(held_.front().record).header.time_ns + limits_.wait_ns < now_ns) {
    partitions_.erase(held_.front().partition);
    release(held_.begin());
  }
}

void HeldRecords::release_process(std::uint32_t tgid) {
  for (auto held = held_.begin(); held != held_.end();)
    held = fields_of(held->record).tgid == tgid ? release(held) : std::next(held);
}

void HeldRecords::release_all() {
  while (!held_.empty()) release(held_.begin());
}

}  // namespace weft::kafka
