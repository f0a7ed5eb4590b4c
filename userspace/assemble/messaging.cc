// SPDX-License-Identifier: Apache-2.0
#include "assemble/messaging.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "assemble/attributes.h"
#include "assemble/carried_context.h"
#include "assemble/span_baggage.h"
#include "assemble/trace_state.h"
#include "base/address.h"
#include "base/utf8.h"
#include "decode/http_head.h"
#include "decode/kafka/produce_text.h"
#include "decode/text.h"
#include "wire/kafka_each.h"
#include "wire/kafka_record_id.h"

namespace weft {
namespace {

// https://kafka.apache.org/protocol#protocol_error_codes: those that a producer can get.
constexpr std::pair<int, std::string_view> errors[] = {
    {-1, "UNKNOWN_SERVER_ERROR"},
    {2, "CORRUPT_MESSAGE"},
    {3, "UNKNOWN_TOPIC_OR_PARTITION"},
    {5, "LEADER_NOT_AVAILABLE"},
    {6, "NOT_LEADER_OR_FOLLOWER"},
    {7, "REQUEST_TIMED_OUT"},
    {8, "BROKER_NOT_AVAILABLE"},
    {9, "REPLICA_NOT_AVAILABLE"},
    {10, "MESSAGE_TOO_LARGE"},
    {13, "NETWORK_EXCEPTION"},
    {17, "INVALID_TOPIC_EXCEPTION"},
    {18, "RECORD_LIST_TOO_LARGE"},
    {19, "NOT_ENOUGH_REPLICAS"},
    {20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND"},
    {21, "INVALID_REQUIRED_ACKS"},
    {29, "TOPIC_AUTHORIZATION_FAILED"},
    {31, "CLUSTER_AUTHORIZATION_FAILED"},
    {32, "INVALID_TIMESTAMP"},
    {35, "UNSUPPORTED_VERSION"},
    {42, "INVALID_REQUEST"},
    {43, "UNSUPPORTED_FOR_MESSAGE_FORMAT"},
    {44, "POLICY_VIOLATION"},
    {45, "OUT_OF_ORDER_SEQUENCE_NUMBER"},
    {46, "DUPLICATE_SEQUENCE_NUMBER"},
    {47, "INVALID_PRODUCER_EPOCH"},
    {48, "INVALID_TXN_STATE"},
    {49, "INVALID_PRODUCER_ID_MAPPING"},
    {53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"},
    {56, "KAFKA_STORAGE_ERROR"},
    {59, "UNKNOWN_PRODUCER_ID"},
    {74, "FENCED_LEADER_EPOCH"},
    {76, "UNSUPPORTED_COMPRESSION_TYPE"},
    {87, "INVALID_RECORD"},
    {89, "THROTTLING_QUOTA_EXCEEDED"},
    {90, "PRODUCER_FENCED"},
    {100, "UNKNOWN_TOPIC_ID"},
};

void set_operation(std::string_view operation, std::string_view topic, Span& span) {
  span.name = operation;
  if (!topic.empty()) append_utf8(topic, span.name.append(" "));
  add(span.attributes, "messaging.system", std::string("kafka"));
  add(span.attributes, "messaging.operation.name", std::string(operation));
  add(span.attributes, "messaging.operation.type", std::string(operation));
  if (!topic.empty()) add(span.attributes, "messaging.destination.name", to_utf8(topic));
}

void add_broker(const __u8 (&address)[16], int port, Attributes& attributes) {
  std::string peer = address_text(address);
  add(attributes, "server.address", peer);
  add(attributes, "server.port", std::int64_t{port});
  add(attributes, "network.peer.address", std::move(peer));
  add(attributes, "network.peer.port", std::int64_t{port});
}

void add_text(AttributeKey key, std::string_view value, Attributes& attributes) {
  if (!value.empty()) add(attributes, std::move(key), to_utf8(value));
}

struct Destination {
  std::string_view topic;  // empty: several, or not known
  std::string partition;   // … of it
};

Destination destination_of(const ProduceText& produce) {
  if (produce.partitions.empty()) return {};
  const ProducedPartition& first = produce.partitions.front();
  const bool all_listed = produce.partitions.size() == produce.fields.partitions;
  const auto same = [&](const ProducedPartition& other) { return other.topic == first.topic; };
  if (!all_listed || first.fields.topic_is_id || !std::ranges::all_of(produce.partitions, same)) return {};
  return {first.topic, produce.partitions.size() == 1 ? std::to_string(first.fields.partition) : std::string()};
}

void set_context(const MessageEvent& event, const MaskRules& rules, Span& span) {
  const wire_ids& ids = event.fields.ids;
  std::memcpy(span.trace_id.bytes.data(), ids.trace_id, sizeof ids.trace_id);
  std::memcpy(span.span_id.bytes.data(), ids.span_id, sizeof ids.span_id);
  std::memcpy(span.parent_span_id.bytes.data(), ids.parent_span_id, sizeof ids.parent_span_id);
  span.flags = event.fields.trace_flags;
  span.parent_is_remote = span.parent_span_id.valid();
  span.links = event.links;
  std::string state;
  HeaderLines lines(event.context);
  for (HeaderLine line; lines.next(line);) {
    if (equals_lower(line.name, "tracestate")) state.append(state.empty() ? "" : ",").append(line.value);
    if (equals_lower(line.name, "baggage")) add_baggage_members(line.value, span);
    if (equals_lower(line.name, "x-trace-id") && is_opaque_trace_id(line.value))
      add(span.attributes, "weft.x_trace_id", std::string(line.value));
    // tracestate belongs to traceparent: where another format gave the ids it does not count.
    if (equals_lower(line.name, "traceparent") && line.value.size() >= 35 &&
        line.value.substr(3, 32) == span.trace_id.hex())
      span.trace_state = "w3c";
  }
  const bool continued = (event.fields.facts & kMessageContinued) && !span.trace_state.empty();
  span.trace_state = continued && !state.empty() ? clean_trace_state(state) : std::string();
  add_baggage_attributes(rules, span);
}

}  // namespace

std::string kafka_error_name(int code) {
  const auto* known = std::ranges::find(errors, code, &std::pair<int, std::string_view>::first);
  return known == std::end(errors) ? std::to_string(code) : std::string(known->second);
}

void set_produced(const Exchange& exchange, Span& span) {
  Attributes& attributes = span.attributes;
  const auto produce = read_produce_text(exchange.request_head).value_or(ProduceText{});
  const Destination destination = destination_of(produce);
  set_operation("send", destination.topic, span);
  if (!destination.partition.empty()) add(attributes, "messaging.destination.partition.id", destination.partition);
  add_text("messaging.client.id", produce.client_id, attributes);
  if (produce.fields.records > 1)
    add(attributes, "messaging.batch.message_count", std::int64_t{produce.fields.records});
  add_broker(exchange.request.peer_address, exchange.request.peer_port, attributes);
  if (produce.fields.injected && produce.fields.injected < produce.fields.records)
    add(attributes, "weft.messages.with_context", std::int64_t{produce.fields.injected});
  const auto code = static_cast<std::int16_t>(exchange.response.status);
  if (exchange.response.end != END_COMPLETE) return set_early_end(exchange.response, span);
  if (code == 0) return;
  span.status = StatusCode::error;
  add(attributes, "error.type", kafka_error_name(code));
}

std::vector<std::shared_ptr<Span>> produced_messages(const Exchange& exchange, const Span& sending) {
  std::vector<std::shared_ptr<Span>> messages;
  const auto produce = read_produce_text(exchange.request_head);
  if (!produce || !produce->fields.each || !sending.span_id.valid()) return messages;
  const std::uint64_t id = wire_load64(sending.span_id.bytes.data());
  const auto add_one = [&](const ProducedPartition* of) {
    auto span = std::make_shared<Span>();
    span->resource = sending.resource;
    span->kind = SpanKind::producer;
    span->trace_id = sending.trace_id;
    span->parent_span_id = sending.span_id;
    const __u64 own = kafka_message_span(id, static_cast<__u32>(messages.size()));
    std::memcpy(span->span_id.bytes.data(), &own, sizeof own);
    span->flags = sending.flags;
    span->trace_state = sending.trace_state;
    span->start_unix_ns = sending.start_unix_ns;
    span->end_unix_ns = sending.end_unix_ns;
    span->status = sending.status;
    span->status_message = sending.status_message;
    set_operation("create", of && !of->fields.topic_is_id ? of->topic : std::string_view(), *span);
    if (of) add(span->attributes, "messaging.destination.partition.id", std::to_string(of->fields.partition));
    add_text("messaging.client.id", produce->client_id, span->attributes);
    add_broker(exchange.request.peer_address, exchange.request.peer_port, span->attributes);
    if (const AttributeValue* error = sending.attributes.find("error.type")) span->attributes.set("error.type", *error);
    messages.push_back(std::move(span));
  };
  for (const ProducedPartition& partition : produce->partitions)
    for (unsigned i = 0; i < partition.fields.each && messages.size() < produce->fields.injected; i++)
      add_one(&partition);
  // Of partitions that were not listed; the kernel tells no larger number, a damaged recording may.
  const std::size_t all = std::min<std::size_t>(produce->fields.injected, KAFKA_EACH_MOST);
  while (messages.size() < all) add_one(nullptr);
  return messages;
}

void set_received(const MessageEvent& event, std::uint64_t received_unix_ns, const MaskRules& rules, Span& span) {
  Attributes& attributes = span.attributes;
  const MessageFields& fields = event.fields;
  set_operation("process", event.topic, span);
  add(attributes, "messaging.destination.partition.id", std::to_string(fields.partition));
  add(attributes, "messaging.kafka.offset", std::int64_t{fields.offset});
  add_text("messaging.consumer.group.name", event.group, attributes);
  add_text("messaging.client.id", event.client_id, attributes);
  if (fields.facts & kMessageBatch)
    add(attributes, "messaging.batch.message_count", std::int64_t{fields.messages});
  else
    add(attributes, "messaging.message.body.size", static_cast<std::int64_t>(fields.body_bytes));
  if (fields.facts & kMessageTombstone) attributes.set("messaging.kafka.message.tombstone", true);
  if (fields.timestamp_ms >= 0) {
    // A clock that is behind the producer's is no lag.
    const auto received_ms = static_cast<std::int64_t>(received_unix_ns / 1'000'000);
    add(attributes, "weft.messaging.lag_ms", std::max<std::int64_t>(0, received_ms - fields.timestamp_ms));
  }
  if (fields.processed_ns) {
    const std::uint64_t waited_ns = fields.given_ns - std::min<std::uint64_t>(fields.given_ns, fields.header.time_ns);
    add(attributes, "weft.messaging.queued_ms", static_cast<std::int64_t>(waited_ns / 1'000'000));
  }
  add_broker(fields.peer_address, fields.peer_port, attributes);
  set_context(event, rules, span);
}

}  // namespace weft
