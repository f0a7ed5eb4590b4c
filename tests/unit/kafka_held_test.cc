// SPDX-License-Identifier: Apache-2.0
// Spans of records whose processing the kernel reports: they last as long as that.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "assemble/event_recorder.h"
#include "support/kafka_messages/scene.h"

using namespace weft;
namespace encode = weft::test::kafka;
using encode::Scene;

namespace {

constexpr const char* parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr std::uint64_t kMs = 1'000'000;

KafkaOptions bounded(std::size_t messages) {
  KafkaOptions options;
  options.limits.held = {.messages = messages, .partitions = 100, .wait_ns = 1000 * kMs};
  return options;
}

struct Consumer : Scene {
  std::int64_t next = 0;

  explicit Consumer(std::size_t messages = 2048) : Scene(bounded(messages)) {}
  explicit Consumer(const KafkaOptions& options) : Scene(options) {}

  void receive(std::size_t count = 1, int partition = 0) {
    encode::Batch batch;
    batch.base_offset = next;
    for (std::size_t i = 0; i < count; i++)
      batch.records.push_back({.offset_delta = static_cast<std::int64_t>(i),
                               .key = "k",
                               .value = "v",
                               .headers = {{"traceparent", parent}}});
    wire.request(1, version, 5,
                 encode::fetch_request(version, 1, 0, {{{"orders"}, {{.index = partition, .offset = next}}}}));
    fetched(encode::encode(batch), {.index = partition});
    next += static_cast<std::int64_t>(count);
  }

  void processed(const SpanId& span, std::uint64_t given_ms, std::uint64_t over_ms) {
    record_event event{};
    event.header = {EVENT_RECORD, 0, sizeof event, over_ms * kMs};
    event.given_ns = given_ms * kMs;
    std::memcpy(event.span_id, span.bytes.data(), sizeof event.span_id);
    event.tgid = wire.tgid;
    kafka.feed(std::as_bytes(std::span(&event, 1)));
  }

  // The span's id is known before it is there: another agent, with the same key, makes the same.
  static SpanId id_of(std::int64_t offset, int partition = 0) {
    Consumer other;
    other.next = offset;
    other.receive(1, partition);
    return other.spans.at(0).span_id;
  }

  // From here on messages of this partition wait.
  void learn() {
    receive();
    processed(spans.back().span_id, 1, 2);
  }

  void change(process_change what, std::uint32_t tgid) {
    process_event event{};
    event.header = {EVENT_PROCESS, 0, sizeof event, 0};
    event.tgid = tgid;
    event.change = static_cast<__u8>(what);
    kafka.feed(std::as_bytes(std::span(&event, 1)));
  }
};

std::int64_t queued_ms(const Span& span) {
  const AttributeValue* value = span.attributes.find("weft.messaging.queued_ms");
  return value ? std::get<std::int64_t>(*value) : -1;
}

}  // namespace

TEST_CASE("kafka processing: the span lasts from the message's being given until the next one is asked for") {
  Consumer consumer;
  consumer.learn();
  REQUIRE(consumer.spans.size() == 1);  // it had gone on before anything was known
  CHECK(queued_ms(consumer.spans[0]) == -1);
  consumer.receive();
  CHECK(consumer.spans.size() == 1);
  const std::uint64_t received_ms = consumer.wire.now_ns / kMs;
  consumer.processed(Consumer::id_of(1), received_ms + 70, received_ms + 100);
  REQUIRE(consumer.spans.size() == 2);
  const Span& span = consumer.spans[1];
  CHECK(span.name == "process orders");
  CHECK(span.end_unix_ns - span.start_unix_ns == 30 * kMs);
  CHECK(queued_ms(span) >= 70);
  CHECK(queued_ms(span) < 80);
  CHECK(std::get<std::int64_t>(*span.attributes.find("messaging.kafka.offset")) == 1);
}

TEST_CASE("kafka processing: of a partition of which none was reported nothing waits") {
  Consumer consumer;
  consumer.learn();
  consumer.receive(1, 7);
  CHECK(consumer.spans.size() == 2);
  consumer.processed(SpanId{{1, 2, 3}}, 1, 2);  // nobody's
  consumer.receive(1, 8);
  CHECK(consumer.spans.size() == 3);
}

TEST_CASE("kafka processing: what is not reported in time goes on as it is, and the next ones at once") {
  Consumer consumer;
  consumer.learn();
  consumer.receive(3);
  consumer.kafka.sweep(consumer.wire.now_ns + 900 * kMs);
  CHECK(consumer.spans.size() == 1);
  consumer.kafka.sweep(consumer.wire.now_ns + 1100 * kMs);
  REQUIRE(consumer.spans.size() == 4);
  CHECK(queued_ms(consumer.spans[3]) == -1);
  consumer.receive();
  CHECK(consumer.spans.size() == 5);
  consumer.processed(consumer.spans[4].span_id, 1, 2);  // one is reported again
  consumer.receive();
  CHECK(consumer.spans.size() == 5);
}

TEST_CASE("kafka processing: no more wait than may, and none is lost") {
  Consumer consumer(2);
  consumer.learn();
  consumer.receive(5);
  CHECK(consumer.spans.size() == 4);
  consumer.kafka.flush();
  CHECK(consumer.spans.size() == 6);
  consumer.processed(Consumer::id_of(5), 1, 2);
  CHECK(consumer.spans.size() == 6);
}

TEST_CASE("kafka processing: of a process that is over nothing more is waited for") {
  Consumer consumer;
  consumer.learn();
  consumer.receive(2);
  consumer.change(PROCESS_EXIT, consumer.wire.tgid + 1);
  consumer.change(PROCESS_FORK, consumer.wire.tgid);
  CHECK(consumer.spans.size() == 1);
  consumer.change(PROCESS_EXIT, consumer.wire.tgid);
  CHECK(consumer.spans.size() == 3);
}

TEST_CASE("kafka processing: nor of one that is no longer followed, and when it is again it has to be learned anew") {
  bool followed = true;
  KafkaOptions options = bounded(100);
  options.followed = [&](std::uint32_t) { return followed; };
  Consumer consumer(options);
  consumer.learn();
  consumer.receive();
  consumer.kafka.sweep(consumer.wire.now_ns);
  CHECK(consumer.spans.size() == 1);
  followed = false;
  consumer.kafka.sweep(consumer.wire.now_ns);
  CHECK(consumer.spans.size() == 2);
  followed = true;
  consumer.receive();
  CHECK(consumer.spans.size() == 3);
}

TEST_CASE("kafka processing: long messages wait in smaller numbers") {
  KafkaOptions options = bounded(100);
  options.limits.held.bytes = 500;
  Consumer consumer(options);
  consumer.learn();
  consumer.receive(10);
  CHECK(consumer.spans.size() > 5);
  consumer.kafka.flush();
  CHECK(consumer.spans.size() == 11);
}

TEST_CASE("kafka processing: an unsampled trace is open from its message's arrival on, and told of once") {
  int begun = 0, told = 0;
  KafkaOptions options = bounded(100);
  options.sampled = [](std::uint32_t, const TraceId&, std::optional<bool>) { return false; };
  options.on_unsampled_begin = [&](const TraceId& trace) { begun += trace.valid(); };
  Consumer consumer(options);
  consumer.pipeline.on_unsampled_begin = [&](const TraceId&) { told++; };
  consumer.receive();
  consumer.processed(consumer.unsampled.back().span_id, 1, 2);
  CHECK(std::pair(begun, told) == std::pair(0, 1));
  consumer.receive();
  CHECK(std::pair(begun, told) == std::pair(1, 1));
  consumer.kafka.flush();
  CHECK(consumer.unsampled.size() == 2);
  CHECK(std::pair(begun, told) == std::pair(1, 1));
}

TEST_CASE("kafka processing: a short event is none") {
  Consumer consumer;
  event_header header{EVENT_RECORD, 0, sizeof header, 0};
  consumer.kafka.feed(std::as_bytes(std::span(&header, 1)));
  CHECK(consumer.spans.empty());
}

TEST_CASE("kafka processing: a recording of the layout before is read, without these times") {
  Consumer consumer;
  consumer.learn();
  consumer.receive();
  consumer.processed(Consumer::id_of(1), 100, 200);
  REQUIRE(consumer.spans.size() == 2);
  std::string record = consumer.records.back();
  record.erase(offsetof(MessageFields, given_ns), sizeof(MessageFields) - offsetof(MessageFields, given_ns));
  event_header header{};
  std::memcpy(&header, record.data(), sizeof header);
  CHECK(header.flags == 2);
  header.flags = 1;
  header.size = static_cast<__u32>(record.size());
  std::memcpy(record.data(), &header, sizeof header);
  consumer.pipeline.feed(std::as_bytes(std::span(record)));
  REQUIRE(consumer.spans.size() == 3);
  CHECK(consumer.spans[2].span_id == consumer.spans[1].span_id);
  CHECK(queued_ms(consumer.spans[2]) == -1);
  CHECK(consumer.spans[2].attributes.items.size() == consumer.spans[1].attributes.items.size() - 1);
}
