// SPDX-License-Identifier: Apache-2.0
// Kafka at the agent's door. The kernel sends frames of a client's connections as they were on the wire; here they
// become events that say what a span needs: messages that a consumer received (message_event.h), the topics' names and
// the broker's answer of what a producer sent. No frame, key or value goes further than this.
//
// Not thread-safe. Bounded: connections that were not heard of for longest are forgotten first, with their frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "decode/kafka/api.h"
#include "decode/kafka/context.h"
#include "decode/kafka/delivered.h"
#include "decode/kafka/fetch.h"
#include "decode/kafka/frames.h"
#include "decode/kafka/held_records.h"
#include "decode/kafka/message_event.h"
#include "decode/kafka/metadata.h"
#include "decode/kafka/record_ids.h"
#include "wire/events.h"

namespace weft {

struct KafkaLimits {
  std::size_t connections = 16384;
  std::size_t frame_bytes = 2u << 20;
  std::size_t total_bytes = 64u << 20;  // of all frames
  std::size_t pending = 1024;           // exchanges of one connection without answer
  std::size_t partitions = 4096;        // of one connection, whose position is kept
  std::size_t topics = 16384;           // names by id
  std::size_t groups = 4096;            // clients whose group is known
  kafka::HeldLimits held;
};

struct KafkaOptions {
  KafkaLimits limits;
  std::vector<std::string> topics;  // globs: of others there are no spans of messages; empty: all
  // With `topics`: this one is among them, by its name or its id. Several times for the same.
  std::function<void(std::string_view topic)> on_chosen;
  bool span_per_batch = false;
  std::size_t record_limit = 100;  // of a partition in one response; with more of them one span is made of all
  kafka::ContextOptions context;
  bool trust_incoming = true;
  std::function<std::uint64_t()> random;  // for ids
  // Of the ids of a record that is consumed, which the kernel makes as well: wire/kafka_record_id.h.
  std::array<std::uint64_t, 2> record_key{};
  // What this process calls for a record carries the record's own span on: it needs one, however many there are.
  std::function<bool(std::uint32_t tgid)> followed;
  // A message of this trace, which is not sampled, waits for its processing to end; it is kMessageBegun when it goes
  // on.
  std::function<void(const TraceId& trace)> on_unsampled_begin;
  // Is this trace sampled? `producer`: what was decided before, if anything. Empty: then that, else yes.
  std::function<bool(std::uint32_t tgid, const TraceId& trace, std::optional<bool> producer)> sampled;
};

struct KafkaCounters {
  std::uint64_t frames = 0;
  std::uint64_t bad_frames = 0;      // not what they should be
  std::uint64_t missed = 0;          // frames whose pieces did not all come
  std::uint64_t messages = 0;        // that were received
  std::uint64_t unread_batches = 0;  // of old formats, or whose records could not be read
  std::uint64_t unknown_topics = 0;  // partitions whose topic was named by an id that is not known
  std::uint64_t evicted = 0;         // connections forgotten for want of room
};

class KafkaExchanges {
 public:
  using Output = std::function<void(std::span<const std::byte>)>;

  explicit KafkaExchanges(Output output, KafkaOptions options);

  // Any record of the ring buffer. What is not Kafka goes on as it is; frames end here.
  void feed(std::span<const std::byte> record);
  // Messages that have waited long enough for their processing to end go on; call every second or so.
  void sweep(std::uint64_t now_ns);
  void flush() { held_.release_all(); }

  void configure(KafkaOptions options);  // but for the limits, which stay

  const KafkaCounters& counters() const { return counters_; }
  std::size_t connections() const { return connections_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Record = std::span<const std::byte>;
  struct Sent {
    std::uint64_t exchange_id, connection_id, time_ns;
    std::uint32_t tgid;
    std::vector<std::size_t> partitions;  // hashes of their keys; empty: not all are known
    std::size_t memory() const { return sizeof(Sent) + partitions.size() * sizeof(std::size_t); }
  };
  struct Connection {
    std::array<kafka::FrameBuffer, 2> directions;  // requests, responses
    std::string client_id;
    bool read_committed = false;
    std::map<std::string, std::int64_t> positions;  // topic and partition: what comes next
    std::multimap<std::int32_t, Sent> sent;  // by correlation id of a Produce that is not answered: one for each caller
    std::size_t sent_bytes = 0;              // of them
    std::size_t bytes = 0;                   // counted in bytes_
    std::list<std::uint64_t>::iterator used;
  };

  Connection& connection(std::uint64_t id);
  void forget(std::uint64_t id);
  void account(Connection& connection);
  void make_room(std::uint64_t keep);
  void lose(Connection& connection, std::int64_t before);

  void piece(Record record);
  void request_frame(Connection& connection, const kafka_event& event);
  void response_frame(Connection& connection, const kafka_event& event);
  void fetch_request(Connection& connection, const kafka::RequestHeader& header);
  void group_request(const kafka_event& event, const kafka::RequestHeader& header);
  void metadata(kafka::Bytes body, std::int16_t version);
  void produced(Connection& connection, const kafka_event& event, kafka::Bytes body);
  void fetched(Connection& connection, const kafka_event& event, kafka::Bytes body, bool cut);
  void fetched_partition(Connection& connection, const kafka_event& event, const kafka::FetchPartition& partition,
                         std::string_view topic, bool cut);
  void message(MessageEvent& event, const kafka::RecordContext& context);
  void finish_batch(MessageEvent& event);
  void record_processed(Record record);

  void produce_request(Record record, const request_event& event);
  void remember(Sent sent, std::int32_t correlation_id);
  void end(const Sent& sent, std::uint64_t first_byte_ns, std::uint64_t time_ns, end_reason reason, std::int16_t error);

  std::string_view name_of(const kafka::Topic& topic);
  bool wanted(std::string_view topic) const;
  void choose(const kafka::Topic& topic, std::string_view name) const;
  void decide(MessageEvent& event, std::optional<bool> producer) const;
  void new_trace(MessageEvent& event);
  template <class Id>
  void make_id(Id& bytes);
  bool make_ids(MessageEvent& event);

  Output output_;
  KafkaOptions options_;
  KafkaLimits limits_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::list<std::uint64_t> order_;  // most recently used first
  std::size_t bytes_ = 0;
  std::map<kafka::Uuid, std::string> topics_;
  std::map<std::pair<std::uint32_t, std::string>, std::string> groups_;  // process, client id: "" when it has several
  kafka::FetchResponse response_;                                        // reused, for its memory
  kafka::RecordReader records_;
  kafka::RecordIds ids_;
  kafka::HeldRecords held_;
  std::vector<std::byte> record_;
  KafkaCounters counters_;
};

}  // namespace weft
