// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/held_records.h"

#include <algorithm>
#include <cstring>

#include "decode/kafka/message_event.h"
#include "decode/record.h"
#include "wire/port.h"

namespace weft::kafka {

bool HeldRecords::waits_for(std::uint32_t tgid, std::uint64_t partition) const {
  if (held_.size() >= limits_.messages || bytes_ >= limits_.bytes) return false;
  const auto process = processes_.find(tgid);
  return process != processes_.end() && process->second.partitions.contains(partition);
}

void HeldRecords::hold(std::uint64_t span, std::uint64_t partition, std::span<const std::byte> record) {
  const auto fields = read_front<MessageFields>(record);
  if (!fields) return output_(record);
  held_.push_back({span, partition, fields->header.time_ns, fields->tgid, {record.begin(), record.end()}});
  by_span_.insert_or_assign(span, std::prev(held_.end()));
  processes_[fields->tgid].held++;
  bytes_ += record.size();
}

void HeldRecords::learn(std::uint32_t tgid, std::uint64_t partition) {
  if (partitions_ < limits_.partitions && processes_[tgid].partitions.insert(partition).second) partitions_++;
}

void HeldRecords::forget(std::uint32_t tgid, std::uint64_t partition) {
  const auto process = processes_.find(tgid);
  if (process == processes_.end()) return;
  partitions_ -= process->second.partitions.erase(partition);
  if (process->second.held == 0 && process->second.partitions.empty()) processes_.erase(process);
}

bool HeldRecords::processed(const record_event& event) {
  const auto found = by_span_.find(wire_load64(event.span_id));
  if (found == by_span_.end()) return false;
  const Place held = found->second;
  auto fields = read_front<MessageFields>(held->record).value_or(MessageFields{});
  fields.given_ns = event.given_ns;
  fields.processed_ns = std::max(event.header.time_ns, event.given_ns);
  std::memcpy(held->record.data(), &fields, sizeof fields);
  release(held);
  return true;
}

HeldRecords::Place HeldRecords::release(Place held) {
  by_span_.erase(held->span);
  bytes_ -= held->record.size();
  processes_[held->tgid].held--;
  output_(held->record);
  return held_.erase(held);
}

void HeldRecords::expire(std::uint64_t now_ns) {
  while (!held_.empty() && held_.front().received_ns + limits_.wait_ns < now_ns) {
    const auto [tgid, partition] = std::pair(held_.front().tgid, held_.front().partition);
    release(held_.begin());
    forget(tgid, partition);
  }
}

void HeldRecords::release_process(std::uint32_t tgid) {
  const auto process = processes_.find(tgid);
  if (process == processes_.end()) return;
  for (auto held = held_.begin(); process->second.held && held != held_.end();)
    held = held->tgid == tgid ? release(held) : std::next(held);
  partitions_ -= process->second.partitions.size();
  processes_.erase(process);
}

void HeldRecords::release_others(const std::function<bool(std::uint32_t tgid)>& followed) {
  std::vector<std::uint32_t> others;
  for (const auto& [tgid, process] : processes_)
    if (!followed(tgid)) others.push_back(tgid);
  for (const std::uint32_t tgid : others) release_process(tgid);
}

void HeldRecords::release_all() {
  while (!held_.empty()) release(held_.begin());
}

}  // namespace weft::kafka
