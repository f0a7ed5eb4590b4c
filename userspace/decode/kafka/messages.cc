// SPDX-License-Identifier: Apache-2.0
// Fetch responses -> events of the messages that were received.
#include <algorithm>
#include <cstring>

#include "base/glob.h"
#include "decode/kafka/exchanges.h"
#include "decode/record.h"
#include "wire/port.h"

namespace weft {
namespace {

constexpr std::size_t most_links = 128;  // of a batch

bool same(const SpanLink& a, const SpanLink& b) { return a.trace_id == b.trace_id && a.span_id == b.span_id; }

}  // namespace

bool KafkaExchanges::wanted(std::string_view topic) const {
  if (options_.topics.empty()) return true;
  return std::ranges::any_of(options_.topics, [&](const std::string& glob) { return glob_match(glob, topic); });
}

template <class Id>
void KafkaExchanges::make_id(Id& bytes) {
  do {
    for (std::size_t at = 0; at < sizeof bytes; at += sizeof(std::uint64_t)) {
      const std::uint64_t random = options_.random();
      std::memcpy(&bytes[at], &random, sizeof random);
    }
  } while (std::all_of(std::begin(bytes), std::end(bytes), [](__u8 byte) { return byte == 0; }));
}

void KafkaExchanges::decide(MessageEvent& event, std::optional<bool> producer) const {
  TraceId trace;
  std::memcpy(trace.bytes.data(), event.fields.ids.trace_id, trace.bytes.size());
  const bool sampled =
      options_.sampled ? options_.sampled(event.fields.tgid, trace, producer) : producer.value_or(true);
  if (!sampled) return;
  event.fields.facts |= kMessageSampled;
  event.fields.trace_flags |= 1;
}

// The same as in the kernel: a trace that goes on is there already, parent and all. False: no ids that the kernel
// knows.
bool KafkaExchanges::make_ids(MessageEvent& event) {
  const bool continued = event.fields.facts & kMessageContinued;
  if (const auto ids = ids_.of(event)) {
    std::memcpy(event.fields.ids.span_id, ids->span_id, sizeof ids->span_id);
    if (continued) return true;
    new_trace(event);
    std::memcpy(event.fields.ids.trace_id, ids->trace_id, sizeof ids->trace_id);
    return true;
  }
  make_id(event.fields.ids.span_id);
  if (!continued) new_trace(event);
  return false;
}

void KafkaExchanges::new_trace(MessageEvent& event) {
  make_id(event.fields.ids.trace_id);
  std::memset(event.fields.ids.parent_span_id, 0, sizeof event.fields.ids.parent_span_id);
  event.fields.trace_flags = 2;  // random
}

// One message: its trace goes on, or a new one begins.
void KafkaExchanges::message(MessageEvent& event, const kafka::RecordContext& context) {
  MessageFields& fields = event.fields;
  event.context = context.lines;
  std::optional<bool> producer;
  if (context.decided && options_.trust_incoming) producer = context.flags & 1;
  if (context.producer && context.producer->span_id.valid()) event.links.push_back(*context.producer);
  if (context.producer && options_.trust_incoming) {
    fields.facts |= kMessageContinued;
    std::memcpy(fields.ids.trace_id, context.producer->trace_id.bytes.data(), sizeof fields.ids.trace_id);
    std::memcpy(fields.ids.parent_span_id, context.producer->span_id.bytes.data(), sizeof fields.ids.parent_span_id);
    fields.trace_flags = context.flags & 2;
  }
  const bool known = make_ids(event);
  if (context.invalid) fields.facts |= kMessageInvalidContext;
  decide(event, producer);
  const std::uint64_t partition = kafka::RecordIds::partition_of(event);
  const bool waits = known && held_.waits_for(fields.tgid, partition);
  if (waits && !(fields.facts & kMessageSampled) && options_.on_unsampled_begin) {
    TraceId trace;
    std::memcpy(trace.bytes.data(), fields.ids.trace_id, trace.bytes.size());
    options_.on_unsampled_begin(trace);
    fields.facts |= kMessageBegun;
  }
  write_message_event(event, record_);
  if (!waits) return output_(record_);
  held_.hold(wire_load64(fields.ids.span_id), partition, record_);
}

void KafkaExchanges::record_processed(Record record) {
  const auto event = read_front<record_event>(record);
  if (!event || held_.processed(*event)) return;
  if (const auto partition = ids_.partition_of(wire_load64(event->span_id))) held_.learn(event->tgid, *partition);
}

void KafkaExchanges::sweep(std::uint64_t now_ns) {
  held_.expire(now_ns);
  if (options_.followed) held_.release_others(options_.followed);
}

void KafkaExchanges::finish_batch(MessageEvent& event) {
  if (event.fields.messages == 0) return;
  event.fields.facts |= kMessageBatch;
  make_id(event.fields.ids.span_id);
  new_trace(event);
  decide(event, std::nullopt);
  write_message_event(event, record_);
  output_(record_);
}

void KafkaExchanges::fetched(Connection& connection, const kafka_event& event, kafka::Bytes body, bool cut) {
  const auto whole = kafka::read_fetch_response(body, static_cast<std::int16_t>(event.api_version), response_);
  if (!whole && (whole.error() != kafka::Fault::cut || !cut)) {
    counters_.bad_frames++;
    return;
  }
  for (const kafka::FetchPartition& partition : response_.partitions) {
    if (partition.error_code != 0 || partition.records.empty()) continue;
    const std::string_view topic = name_of(partition.topic);
    const bool last = &partition == &response_.partitions.back();
    if (wanted(topic)) fetched_partition(connection, event, partition, topic, cut && last);
  }
}

void KafkaExchanges::fetched_partition(Connection& connection, const kafka_event& frame,
                                       const kafka::FetchPartition& partition, std::string_view topic, bool cut) {
  const auto position = connection.positions.find(kafka::partition_key(partition.topic, partition.partition));
  kafka::DeliveryOptions delivery{.read_committed = connection.read_committed, .seen_in_part = cut};
  if (position != connection.positions.end()) delivery.from_offset = position->second;

  MessageEvent common{};
  MessageFields& fields = common.fields;
  fields.header.time_ns = frame.header.time_ns;
  fields.begin_ns = connection.directions[1].first_ns();
  fields.connection_id = frame.connection_id;
  std::memcpy(fields.local_address, frame.local_address, sizeof fields.local_address);
  std::memcpy(fields.peer_address, frame.peer_address, sizeof fields.peer_address);
  fields.local_port = frame.local_port;
  fields.peer_port = frame.peer_port;
  fields.tgid = frame.tgid;
  fields.tid = frame.tid;
  fields.partition = partition.partition;
  common.topic = topic;
  common.client_id = connection.client_id;
  const auto group = groups_.find({frame.tgid, connection.client_id});
  if (group != groups_.end()) common.group = group->second;

  const bool followed = options_.followed && options_.followed(frame.tgid);
  const bool batch = options_.span_per_batch || (!followed && kafka::count_records(partition) > options_.record_limit);
  MessageEvent together = common;
  kafka::DeliveryCounters counters;
  const std::int64_t behind =
      kafka::deliver(partition, delivery, records_, counters, [&](const kafka::RecordBatch& from, const auto& record) {
        counters_.messages++;
        const kafka::RecordContext context = kafka::read_context(record.headers, options_.context);
        MessageEvent one = batch ? MessageEvent{} : common;
        MessageEvent& event = batch ? together : one;
        if (event.fields.messages++ == 0) {
          event.fields.offset = record.offset;
          event.fields.timestamp_ms = record.timestamp_ms;
        }
        event.fields.body_bytes += record.value ? record.value->size() : 0;
        if (from.transactional()) event.fields.facts |= kMessageTransactional;
        if (!batch) {
          if (!record.value) event.fields.facts |= kMessageTombstone;
          return message(event, context);
        }
        if (!context.producer || !context.producer->span_id.valid() || event.links.size() >= most_links) return;
        const SpanLink& link = *context.producer;
        if (std::ranges::none_of(event.links, [&](const SpanLink& known) { return same(known, link); }))
          event.links.push_back(link);
      });
  counters_.unread_batches += counters.unread;
  if (batch) finish_batch(together);
  if (position != connection.positions.end()) position->second = std::max(position->second, behind);
}

}  // namespace weft
