// SPDX-License-Identifier: Apache-2.0
// From frames and events to spans: what a producer sent, and what it was told.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "support/kafka_messages/scene.h"

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

response_event answer_event(const request_event& request) {
  response_event event{};
  event.header = {EVENT_RESPONSE, 0, 0, 2'000'000'000};
  event.exchange_id = request.exchange_id;
  event.connection_id = request.connection_id;
  event.tgid = request.tgid;
  event.role = ROLE_CLIENT;
  event.stream = request.stream;
  return event;
}

std::string produce_text(const std::string& topic, bool is_id, unsigned records, unsigned partitions = 1) {
  ProduceText text;
  text.client_id = "orders-1";
  text.fields.acks = -1;
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

TEST_CASE("kafka spans: a producer's request and the broker's answer, whichever is heard of first") {
  for (const bool answer_first : {false, true}) {
    CAPTURE(answer_first);
    for (const int error : {0, 10}) {
      Scene scene;
      const request_event request = produce_event(1, 12);
      scene.kafka.feed(event_record(request, produce_text("orders", false, 3)));
      const auto answer = [&] {
        scene.wire.response(produce, 8, 12,
                            encode::produce_response(8, {{{"orders"}, {{.index = 4, .error = error}}}}));
      };
      scene.wire.response(metadata, 4, 11, encode::metadata_response(4, {}));
      if (answer_first) answer();
      scene.kafka.feed(event_record(answer_event(request)));
      if (!answer_first) answer();
      REQUIRE(scene.spans.size() == 1);
      const Span& span = scene.spans[0];
      CHECK(span.name == "send orders");
      CHECK(span.kind == SpanKind::producer);
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
}

TEST_CASE("kafka spans: an answer that was lost, a connection that closed") {
  Scene scene;
  const request_event first = produce_event(1, 12), second = produce_event(2, 13), third = produce_event(3, 14);
  for (const request_event& request : {first, second, third})
    scene.kafka.feed(event_record(request, produce_text("orders", false, 1)));
  scene.wire.response(metadata, 4, 11, encode::metadata_response(4, {}));
  scene.kafka.feed(event_record(answer_event(first)));  // of 12 nothing comes
  CHECK(scene.spans.empty());
  scene.wire.response(produce, 8, 13, encode::produce_response(8, {{{"orders"}, {{.index = 4}}}}));
  CHECK(scene.spans.size() == 1);
  scene.kafka.feed(event_record(answer_event(second)));
  CHECK(scene.spans.size() == 2);
  response_event closed = answer_event(third);
  closed.end = END_CLOSED;
  scene.kafka.feed(event_record(closed));
  REQUIRE(scene.spans.size() == 3);
  CHECK(scene.spans[2].attributes.text("error.type") == "connection_closed");
  scene.kafka.feed(event_record(produce_event(4, 15), produce_text("orders", false, 1)));
  scene.kafka.feed(event_record(answer_event(produce_event(4, 15))));
  CHECK(scene.spans.size() == 3);
  scene.wire.close();
  CHECK(scene.spans.size() == 4);
}

TEST_CASE("kafka spans: what a producer sends to topics by id, and to several") {
  Scene scene;
  const auto send = [&](std::uint64_t exchange, const std::string& text) {
    const request_event request = produce_event(exchange, 12);
    scene.kafka.feed(event_record(request, text));
    response_event answer = answer_event(request);
    answer.connection_id = 5;  // nothing is known of it
    scene.kafka.feed(event_record(answer));
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
