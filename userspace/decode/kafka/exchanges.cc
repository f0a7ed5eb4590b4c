// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/exchanges.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "decode/kafka/group.h"
#include "decode/kafka/produce.h"
#include "decode/kafka/produce_text.h"
#include "decode/record.h"

namespace weft {
namespace {

// The newest of two entries too many goes: what came first is what the rest refers to.
template <class Map, class Key, class Value>
void put_bounded(Map& map, const Key& key, Value value, std::size_t most) {
  if (map.size() < most || map.contains(key)) map.insert_or_assign(key, std::move(value));
}

// As the client named the topic: by its id from Produce 13 on, in requests and responses.
std::size_t partition_hash(const kafka::Topic& topic, std::int32_t partition) {
  return std::hash<std::string>()(kafka::partition_key(topic, partition));
}

}  // namespace

KafkaExchanges::KafkaExchanges(Output output, KafkaOptions options)
    : output_(std::move(output)),
      options_(std::move(options)),
      limits_(options_.limits),
      ids_(options_.record_key),
      held_(limits_.held, output_) {}

// The kernel tells of requests and of frames; that an exchange is over is said here.
void KafkaExchanges::end(const Sent& sent, std::uint64_t first_byte_ns, std::uint64_t time_ns, end_reason reason,
                         std::int16_t error) {
  response_event event{};
  event.header = {EVENT_RESPONSE, 0, sizeof event, std::max(time_ns, sent.time_ns)};
  event.exchange_id = sent.exchange_id;
  event.connection_id = sent.connection_id;
  event.first_byte_ns = first_byte_ns;
  event.tgid = sent.tgid;
  event.status = static_cast<__u16>(error);
  event.end = static_cast<__u8>(reason);
  event.role = ROLE_CLIENT;
  output_(std::as_bytes(std::span(&event, 1)));
}

// Answers come in order: those of the requests before this one will not come any more.
void KafkaExchanges::lose(Connection& connection, std::int64_t before) {
  while (!connection.sent.empty() && connection.sent.begin()->first < before) {
    const Sent sent = std::move(connection.sent.begin()->second);
    connection.sent.erase(connection.sent.begin());
    connection.sent_bytes -= sent.memory();
    end(sent, 0, sent.time_ns, END_LOST, 0);
  }
}

void KafkaExchanges::forget(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  lose(found->second, INT64_MAX);
  for (const kafka::FrameBuffer& direction : found->second.directions) counters_.missed += direction.missed();
  bytes_ -= found->second.bytes;
  order_.erase(found->second.used);
  connections_.erase(found);
}

void KafkaExchanges::account(Connection& connection) {
  bytes_ -= connection.bytes;
  connection.bytes = sizeof(Connection) + connection.positions.size() * 64 + connection.sent_bytes;
  for (const kafka::FrameBuffer& direction : connection.directions) connection.bytes += direction.memory();
  bytes_ += connection.bytes;
}

void KafkaExchanges::make_room(std::uint64_t keep) {
  while (!order_.empty() && order_.back() != keep &&
         (bytes_ > limits_.total_bytes || connections_.size() > limits_.connections)) {
    counters_.evicted++;
    forget(order_.back());
  }
}

KafkaExchanges::Connection& KafkaExchanges::connection(std::uint64_t id) {
  const auto [found, fresh] = connections_.try_emplace(id);
  if (fresh)
    found->second.used = order_.insert(order_.begin(), id);
  else
    order_.splice(order_.begin(), order_, found->second.used);
  return found->second;
}

void KafkaExchanges::piece(Record record) {
  const auto event = read_front<kafka_event>(record);
  if (!event || event->text_bytes > record.size() - sizeof(kafka_event)) return;
  if (event->facts & KAFKA_CLOSED) return forget(event->connection_id);
  if (event->facts & KAFKA_UNMATCHED) return;
  Connection& connection = this->connection(event->connection_id);
  const bool response = event->facts & KAFKA_RESPONSE;
  kafka::FrameBuffer& direction = connection.directions[response];
  if (direction.take(*event, record.subspan(sizeof(kafka_event), event->text_bytes), limits_.frame_bytes)) {
    counters_.frames++;
    response ? response_frame(connection, *event) : request_frame(connection, *event);
    direction.release();
  }
  account(connection);
  make_room(event->connection_id);
}

void KafkaExchanges::request_frame(Connection& connection, const kafka_event& event) {
  const auto header = kafka::read_request_header(connection.directions[0].frame());
  if (!header) {
    counters_.bad_frames++;
    return;
  }
  if (const auto& client_id = header->client_id) connection.client_id = *client_id;
  if (header->api_key == static_cast<std::int16_t>(kafka::ApiKey::fetch))
    fetch_request(connection, *header);
  else
    group_request(event, *header);
}

// Where the consumer stands. A request that is not seen to its end may say of any partition that it stands elsewhere.
void KafkaExchanges::fetch_request(Connection& connection, const kafka::RequestHeader& header) {
  kafka::FetchRequest request;
  const auto whole = kafka::read_fetch_request(header.body, header.api_version, request);
  if (!whole) connection.positions.clear();
  if (!whole && whole.error() != kafka::Fault::cut) {
    counters_.bad_frames++;
    return;
  }
  connection.read_committed = request.read_committed;
  for (const kafka::FetchedFrom& from : request.partitions)
    put_bounded(connection.positions, kafka::partition_key(from.topic, from.partition), from.offset,
                limits_.partitions);
}

// A process may have several consumers: where their client ids do not tell them apart, nothing is claimed.
void KafkaExchanges::group_request(const kafka_event& event, const kafka::RequestHeader& header) {
  kafka::GroupMember member;
  const auto whole = kafka::read_group_request(header.api_key, header.body, header.api_version, member);
  if (!whole && whole.error() != kafka::Fault::cut) return;
  if (member.group_id.empty()) return;
  const std::pair key(event.tgid, std::string(header.client_id.value_or("")));
  if (groups_.size() >= limits_.groups && !groups_.contains(key)) groups_.clear();
  const auto [known, fresh] = groups_.try_emplace(key, member.group_id);
  if (!fresh && known->second != member.group_id) known->second.clear();
}

void KafkaExchanges::response_frame(Connection& connection, const kafka_event& event) {
  const auto key = static_cast<kafka::ApiKey>(event.api_key);
  const auto version = static_cast<std::int16_t>(event.api_version);
  const kafka::FrameBuffer& direction = connection.directions[1];
  const auto header = kafka::read_response_header(direction.frame(), key, version);
  if (!header || header->correlation_id != event.correlation_id) {
    counters_.bad_frames++;
    return;
  }
  if (key == kafka::ApiKey::metadata) metadata(header->body, version);
  if (key == kafka::ApiKey::produce) produced(connection, event, header->body);
  if (key == kafka::ApiKey::fetch) fetched(connection, event, header->body, direction.cut());
  lose(connection, event.correlation_id);
}

void KafkaExchanges::metadata(kafka::Bytes body, std::int16_t version) {
  kafka::MetadataResponse response;
  const auto whole = kafka::read_metadata_response(body, version, response);
  if (!whole && whole.error() != kafka::Fault::cut) {
    counters_.bad_frames++;
    return;
  }
  for (const kafka::MetadataTopic& topic : response.topics) {
    choose(topic.topic, topic.topic.name);
    if (!topic.topic.id || topic.topic.name.empty()) continue;
    if (topics_.size() >= limits_.topics && !topics_.contains(*topic.topic.id)) topics_.clear();
    topics_[*topic.topic.id] = topic.topic.name;
  }
}

// The kernel does not know of topics what it was not told, and leaves their records alone.
void KafkaExchanges::choose(const kafka::Topic& topic, std::string_view name) const {
  if (options_.topics.empty() || !options_.on_chosen || name.empty() || !wanted(name)) return;
  options_.on_chosen(name);
  if (topic.id) options_.on_chosen({reinterpret_cast<const char*>(topic.id->data()), topic.id->size()});
}

void KafkaExchanges::configure(KafkaOptions options) {
  options_ = std::move(options);
  for (const auto& [id, name] : topics_) choose({.name = name, .id = id}, name);
}

std::string_view KafkaExchanges::name_of(const kafka::Topic& topic) {
  if (!topic.id) return topic.name;
  const auto known = topics_.find(*topic.id);
  if (known != topics_.end()) return known->second;
  counters_.unknown_topics++;
  return {};
}

void KafkaExchanges::produced(Connection& connection, const kafka_event& event, kafka::Bytes body) {
  kafka::ProduceResponse response;
  const auto whole = kafka::read_produce_response(body, static_cast<std::int16_t>(event.api_version), response);
  if (!whole && whole.error() != kafka::Fault::cut) counters_.bad_frames++;
  // One request may be several exchanges: each of them failed where one of its own partitions did.
  std::vector<std::pair<std::size_t, std::int16_t>> errors;
  for (const kafka::ProduceResult& result : response.partitions)
    if (result.error_code != 0) errors.emplace_back(partition_hash(result.topic, result.partition), result.error_code);
  while (const auto found = connection.sent.extract(event.correlation_id)) {
    const Sent& sent = found.mapped();
    connection.sent_bytes -= sent.memory();
    const auto failed = std::ranges::find_if(errors, [&](const auto& error) {
      return sent.partitions.empty() || std::ranges::find(sent.partitions, error.first) != sent.partitions.end();
    });
    end(sent, connection.directions[1].first_ns(), event.header.time_ns, END_COMPLETE,
        failed == errors.end() ? std::int16_t{0} : failed->second);
  }
}

void KafkaExchanges::remember(Sent sent, std::int32_t correlation_id) {
  const std::uint64_t id = sent.connection_id;
  Connection& connection = this->connection(id);
  if (connection.sent.size() >= limits_.pending) lose(connection, std::int64_t{connection.sent.begin()->first} + 1);
  connection.sent_bytes += sent.memory();
  connection.sent.emplace(correlation_id, std::move(sent));
  account(connection);
  make_room(id);
}

// The kernel names topics as the client did: by id from version 13 on.
void KafkaExchanges::produce_request(Record record, const request_event& event) {
  const std::string_view text = kafka::text_of(record.subspan(sizeof(request_event)));
  if (event.text_bytes > text.size()) return output_(record);
  auto produce = read_produce_text(text.substr(0, event.text_bytes));
  Sent sent{event.exchange_id, event.connection_id, event.header.time_ns, event.tgid, {}};
  const auto correlation_id = static_cast<std::int32_t>(event.stream);
  if (!produce) {
    output_(record);
    return remember(std::move(sent), correlation_id);
  }
  const bool all_listed = produce->partitions.size() == produce->fields.partitions;
  for (ProducedPartition& partition : produce->partitions) {
    kafka::Topic topic{.name = partition.topic, .id = {}};
    if (partition.fields.topic_is_id) {
      topic.id.emplace();
      if (partition.topic.size() == topic.id->size())
        std::memcpy(topic.id->data(), partition.topic.data(), topic.id->size());
    }
    if (all_listed && produce->fields.acks != 0)
      sent.partitions.push_back(partition_hash(topic, partition.fields.partition));
    const std::string_view name = topic.id ? name_of(topic) : partition.topic;
    choose(topic, name);  // also of those that stayed as they were beside others
    if (!topic.id) continue;
    partition.topic = name;
    partition.fields.topic_is_id = 0;
  }
  const std::string named = write_produce_text(*produce);
  request_event fields = event;
  fields.text_bytes = static_cast<__u32>(named.size());
  fields.baggage_bytes = 0;
  fields.header.size = static_cast<__u32>(sizeof fields + named.size());
  record_.resize(fields.header.size);
  std::memcpy(record_.data(), &fields, sizeof fields);
  std::memcpy(record_.data() + sizeof fields, named.data(), named.size());
  output_(record_);
  if (produce->fields.acks == 0) return end(sent, 0, event.header.time_ns, END_COMPLETE, 0);  // the broker says nothing
  remember(std::move(sent), correlation_id);
}

void KafkaExchanges::feed(Record record) {
  const auto header = read_front<event_header>(record);
  if (!header || header->size > record.size()) return output_(record);
  record = record.first(header->size);
  if (header->type == EVENT_KAFKA) return piece(record);
  if (header->type == EVENT_RECORD) return record_processed(record);
  if (header->type == EVENT_PROCESS) {
    const auto event = read_front<process_event>(record);
    if (event && (event->change == PROCESS_EXIT || event->change == PROCESS_EXEC)) held_.release_process(event->tgid);
  }
  if (header->type == EVENT_REQUEST) {
    const auto event = read_front<request_event>(record);
    if (event && event->protocol == PROTOCOL_KAFKA) return produce_request(record, *event);
  }
  output_(record);
}

}  // namespace weft
