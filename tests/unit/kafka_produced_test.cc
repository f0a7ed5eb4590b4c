// SPDX-License-Identifier: Apache-2.0
// From frames and events to spans: what a producer sent, and what it was told.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "decode/kafka/produce_text.h"
#include "support/kafka_messages/scene.h"
#include "wire/kafka_record_id.h"

using namespace weft;
namespace encode = weft::test::kafka;
using encode::event_record;
using encode::Scene;

namespace {

constexpr int produce = 0, metadata = 3;

request_event produce_event(std::uint64_t exchange, std::uint32_t correlation_id) {
  request_event event{};
  event.header = {EVENT_REQUEST, 0, 0, 1'000'000'000};
  event.exchange_id = exchange;
  event.connection_id = 77;
  event.tgid = 100;
  event.role = ROLE_CLIENT;
  event.protocol = PROTOCOL_KAFKA;
  event.attribution = ATTRIBUTION_TASK;
  event.injection = INJECTION_DONE;
  event.facts = REQUEST_SAMPLED;
  event.peer_port = 9092;
  event.stream = correlation_id;
  std::memset(event.ids.trace_id, 1, sizeof event.ids.trace_id);
  std::memset(event.ids.span_id, 2, sizeof event.ids.span_id);
  return event;
}

std::string produce_text(const std::string& topic, bool is_id, unsigned records, unsigned partitions = 1,
                         __s16 acks = -1) {
  ProduceText text;
  text.client_id = "orders-1";
  text.fields.acks = acks;
  text.fields.partitions = partitions;
  text.fields.records = text.fields.injected = records;
  text.fields.whole = 1;
  ProducedPartition partition;
  partition.topic = topic;
  partition.fields.partition = 4;
  partition.fields.topic_is_id = is_id;
  partition.fields.magic = 2;
  for (unsigned i = 0; i < partitions; i++) text.partitions.push_back(partition);
  return write_produce_text(text);
}

}  // namespace

TEST_CASE("kafka spans: a producer's request and the broker's answer") {
  for (const int error : {0, 10}) {
    Scene scene;
    scene.kafka.feed(event_record(produce_event(1, 12), produce_text("orders", false, 3)));
    CHECK(scene.spans.empty());
    scene.wire.now_ns = 2'000'000'000;
    scene.wire.response(produce, 8, 12, encode::produce_response(8, {{{"orders"}, {{.index = 4, .error = error}}}}));
    REQUIRE(scene.spans.size() == 1);
    const Span& span = scene.spans[0];
    CHECK(span.name == "send orders");
    CHECK(span.kind == SpanKind::producer);
    CHECK(span.end_unix_ns - span.start_unix_ns == 1'000'000'000);
    CHECK(span.attributes.text("messaging.operation.type") == "send");
    CHECK(span.attributes.text("messaging.destination.partition.id") == "4");
    CHECK(span.attributes.text("messaging.client.id") == "orders-1");
    CHECK(span.attributes.text("messaging.batch.message_count") == "3");
    CHECK_FALSE(span.attributes.find("http.request.method"));
    CHECK_FALSE(span.attributes.find("weft.injection"));
    CHECK(span.attributes.text("error.type") == (error ? "MESSAGE_TOO_LARGE" : ""));
    CHECK((span.status == StatusCode::error) == (error != 0));
  }
}

TEST_CASE("kafka spans: a request with records of several callers is a span of each, and fails where its records did") {
  Scene scene;
  for (const std::uint64_t caller : {1, 2, 3}) {
    request_event event = produce_event(caller, 12);
    std::memset(event.ids.trace_id, static_cast<int>(caller), sizeof event.ids.trace_id);
    scene.kafka.feed(
        event_record(event, produce_text(caller == 2 ? "refused" : "orders", false, 3, caller == 3 ? 2 : 1)));
  }
  CHECK(scene.spans.empty());
  scene.wire.response(
      produce, 8, 12,
      encode::produce_response(8, {{{"orders"}, {{.index = 4}}}, {{"refused"}, {{.index = 4, .error = 10}}}}));
  REQUIRE(scene.spans.size() == 3);
  for (const Span& span : scene.spans) CHECK((span.status == StatusCode::error) == (span.name == "send refused"));
  CHECK(scene.spans[0].trace_id.hex() != scene.spans[1].trace_id.hex());
  CHECK(scene.pipeline.counters().open_exchanges == 0);
}

TEST_CASE("kafka spans: a topic by id whose name comes between request and answer fails all the same") {
  Scene scene;
  const std::string id(16, 'o'), other(16, 'p');
  scene.kafka.feed(event_record(produce_event(1, 12), produce_text(id, true, 1)));
  scene.kafka.feed(event_record(produce_event(2, 12), produce_text(other, true, 1)));
  scene.wire.response(metadata, 12, 2, encode::metadata_response(12, {{{"orders", id}, {}}}));
  scene.wire.response(
      produce, 13, 12,
      encode::produce_response(13, {{{"", id}, {{.index = 4, .error = 10}}}, {{"", other}, {{.index = 4}}}}));
  REQUIRE(scene.spans.size() == 2);
  CHECK(scene.spans[0].status == StatusCode::error);
  CHECK(scene.spans[1].status != StatusCode::error);
}

TEST_CASE("kafka spans: no answer is asked for, it was lost, the connection is over, too many wait") {
  KafkaOptions options;
  options.limits.pending = 2;
  Scene scene(options);
  const auto send = [&](std::uint64_t exchange, std::uint32_t correlation_id, __s16 acks) {
    scene.kafka.feed(event_record(produce_event(exchange, correlation_id), produce_text("orders", false, 1, 1, acks)));
  };
  send(1, 11, 0);
  CHECK(scene.spans.size() == 1);
  CHECK_FALSE(scene.spans[0].attributes.find("weft.end"));
  send(2, 12, -1);
  send(3, 13, 1);
  CHECK(scene.spans.size() == 1);
  scene.wire.response(produce, 8, 13, encode::produce_response(8, {{{"orders"}, {{.index = 4}}}}));
  REQUIRE(scene.spans.size() == 3);
  CHECK(scene.spans[1].attributes.find("weft.end") == nullptr);
  CHECK(scene.spans[2].attributes.text("weft.end") == "lost");
  for (std::uint32_t id = 14; id < 17; id++) send(id, id, -1);
  CHECK(scene.spans.size() == 4);
  scene.wire.close();
  CHECK(scene.spans.size() == 6);
  CHECK(scene.spans[5].attributes.text("weft.end") == "lost");
  CHECK(scene.pipeline.counters().open_exchanges == 0);
}

TEST_CASE("kafka spans: each message that carries a span of its own has one, below that of the sending") {
  Scene scene;
  const std::string told = produce_text("orders", false, 5, 3);  // which the text refers to
  auto text = read_produce_text(told).value();
  text.fields.each = 1;
  text.fields.injected = 4;    // the fifth record had a context of its own
  text.partitions.pop_back();  // not told of for want of room
  text.partitions[0].fields.each = 2;
  text.partitions[1].fields.each = 1;
  text.partitions[1].fields.partition = 5;
  const request_event request = produce_event(1, 12);
  scene.kafka.feed(event_record(request, write_produce_text(text)));
  scene.wire.now_ns = 2'000'000'000;
  scene.wire.response(produce, 8, 12, encode::produce_response(8, {{{"orders"}, {{.index = 4, .error = 10}}}}));
  REQUIRE(scene.spans.size() == 5);
  const Span& sending = scene.spans[0];
  CHECK(sending.attributes.text("messaging.operation.type") == "send");
  std::vector<std::string> partitions, names;
  for (std::uint32_t number = 0; number < 4; number++) {
    const Span& span = scene.spans[number + 1];
    const __u64 id = kafka_message_span(wire_load64(request.ids.span_id), number);
    CHECK(std::memcmp(span.span_id.bytes.data(), &id, sizeof id) == 0);
    CHECK(span.trace_id == sending.trace_id);
    CHECK(span.parent_span_id == sending.span_id);
    CHECK(span.kind == SpanKind::producer);
    CHECK(span.status == StatusCode::error);
    CHECK(span.attributes.text("error.type") == "MESSAGE_TOO_LARGE");
    CHECK(span.attributes.text("messaging.client.id") == "orders-1");
    CHECK(span.start_unix_ns == sending.start_unix_ns);
    CHECK(span.end_unix_ns == sending.end_unix_ns);
    names.push_back(span.name);
    partitions.push_back(span.attributes.text("messaging.destination.partition.id"));
  }
  CHECK(names == std::vector<std::string>{"create orders", "create orders", "create orders", "create"});
  CHECK(partitions == std::vector<std::string>{"4", "4", "5", ""});
}

TEST_CASE("kafka spans: of a trace that is not sampled each message is announced before any of them is over") {
  Scene scene;
  std::vector<std::size_t> over;  // so many were, when each was announced
  scene.pipeline.on_unsampled_begin = [&](const TraceId&) { over.push_back(scene.unsampled.size()); };
  const std::string told = produce_text("orders", false, 2);
  auto text = read_produce_text(told).value();
  text.fields.each = 1;
  request_event request = produce_event(1, 12);
  request.facts = 0;
  scene.kafka.feed(event_record(request, write_produce_text(text)));
  scene.wire.response(produce, 8, 12, encode::produce_response(8, {{{"orders"}, {{.index = 4}}}}));
  CHECK(scene.spans.empty());
  CHECK(scene.unsampled.size() == 3);
  CHECK(over == std::vector<std::size_t>{0, 0, 0});
  CHECK(scene.pipeline.counters().assemble.unsampled == 3);
}

TEST_CASE("kafka: topics that are chosen are named, by name and by id, when they are heard of or left alone") {
  std::vector<std::string> chosen;
  KafkaOptions options;
  options.topics = {"orders*"};
  options.on_chosen = [&](std::string_view topic) { chosen.emplace_back(topic); };
  Scene scene(options);
  const auto taken = [&] { return std::exchange(chosen, {}); };
  const std::string id(16, 'o'), other(16, 'p');
  const auto left_alone = [&](const std::string& topic, bool is_id) {
    request_event event = produce_event(1, 12);
    event.injection = INJECTION_TOPIC;
    scene.kafka.feed(event_record(event, produce_text(topic, is_id, 1)));
    return taken();
  };
  CHECK(left_alone("orders-eu", false) == std::vector<std::string>{"orders-eu"});
  CHECK(left_alone("stock", false).empty());
  CHECK(left_alone(id, true).empty());  // whose name is not known yet
  scene.wire.response(metadata, 12, 2, encode::metadata_response(12, {{{"orders", id}, {}}, {{"stock", other}, {}}}));
  CHECK(taken() == std::vector<std::string>{"orders", id});
  CHECK(left_alone(id, true) == std::vector<std::string>{"orders", id});
  CHECK(left_alone(other, true).empty());
  scene.wire.response(metadata, 8, 3, encode::metadata_response(8, {{{"orders-us"}, {}}}));
  CHECK(taken() == std::vector<std::string>{"orders-us"});
  KafkaOptions others = scene.with_random(options);
  others.topics = {"stock"};
  scene.kafka.configure(others);
  CHECK(taken() == std::vector<std::string>{"stock", other});
  others.topics.clear();
  scene.kafka.configure(others);
  CHECK(left_alone("stock", false).empty());
}

TEST_CASE("kafka spans: what a producer sends to topics by id, and to several") {
  Scene scene;
  const auto send = [&](std::uint64_t exchange, const std::string& text) {
    const request_event request = produce_event(exchange, 12);
    scene.kafka.feed(event_record(request, text));
    scene.wire.response(produce, 8, 12, encode::produce_response(8, {}));
    return scene.spans.back();
  };
  const std::string id(16, 'o');
  CHECK(send(1, produce_text(id, true, 1)).name == "send");
  scene.wire.response(metadata, 12, 2, encode::metadata_response(12, {{{"orders", id}, {}}}));
  CHECK(send(2, produce_text(id, true, 1)).name == "send orders");
  const Span two = send(3, produce_text("orders", false, 2, 2));
  CHECK(two.name == "send orders");
  CHECK_FALSE(two.attributes.find("messaging.destination.partition.id"));
  CHECK(send(4, "no such text").name == "send");
}
