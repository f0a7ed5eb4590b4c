// SPDX-License-Identifier: Apache-2.0
// From frames to spans: what a consumer received.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "assemble/event_recorder.h"
#include "support/kafka_messages/scene.h"

using namespace weft;
namespace encode = weft::test::kafka;
using encode::event_record;
using encode::Scene;

namespace {

constexpr const char* parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr int fetch = 1, metadata = 3, join_group = 11, version = Scene::version, id_version = 13;

encode::Batch batch_of(std::size_t count, std::vector<encode::Header> headers, std::int64_t base_offset = 40) {
  encode::Batch batch;
  batch.base_offset = base_offset;
  batch.base_timestamp = batch.max_timestamp = 500;  // the scene's clock begins at 0
  for (std::size_t i = 0; i < count; i++)
    batch.records.push_back(
        {.offset_delta = static_cast<std::int64_t>(i), .key = "k", .value = "s3cret", .headers = headers});
  return batch;
}

std::vector<std::int64_t> offsets(const std::vector<Span>& spans) {
  std::vector<std::int64_t> out;
  for (const Span& span : spans) out.push_back(std::get<std::int64_t>(*span.attributes.find("messaging.kafka.offset")));
  return out;
}

}  // namespace

TEST_CASE("kafka spans: a message goes on with its producer's trace") {
  Scene scene;
  scene.wire.request(join_group, 6, 1, encode::group_request(join_group, 6, "billing", "m", std::nullopt));
  scene.wire.request(fetch, version, 5, encode::fetch_request(version, 1, 0, {{{"orders"}, {{.offset = 40}}}}));
  scene.fetched(
      encode::encode(batch_of(1, {{"traceparent", parent}, {"tracestate", "weft=1"}, {"baggage", "tenant=s3cret"}})));
  REQUIRE(scene.spans.size() == 1);
  const Span& span = scene.spans[0];
  CHECK(span.name == "process orders");
  CHECK(span.kind == SpanKind::consumer);
  CHECK(span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(span.parent_span_id.hex() == "b7ad6b7169203331");
  CHECK(span.parent_is_remote);
  CHECK(span.span_id.valid());
  CHECK(span.flags == 1);
  CHECK(span.trace_state == "weft=1");
  REQUIRE(span.links.size() == 1);
  CHECK(span.links[0].span_id == span.parent_span_id);
  CHECK(span.attributes.text("messaging.system") == "kafka");
  CHECK(span.attributes.text("messaging.operation.name") == "process");
  CHECK(span.attributes.text("messaging.operation.type") == "process");
  CHECK(span.attributes.text("messaging.destination.name") == "orders");
  CHECK(span.attributes.text("messaging.destination.partition.id") == "0");
  CHECK(span.attributes.text("messaging.kafka.offset") == "40");
  CHECK(span.attributes.text("messaging.consumer.group.name") == "billing");
  CHECK(span.attributes.text("messaging.client.id") == "billing-1");
  CHECK(span.attributes.text("messaging.message.body.size") == "6");
  CHECK(span.attributes.text("server.address") == "10.0.0.3");
  CHECK(span.attributes.text("server.port") == "9092");
  CHECK(span.attributes.find("weft.messaging.lag_ms"));
  REQUIRE(span.baggage.size() == 1);
  CHECK(span.baggage[0].first == "tenant");
}

TEST_CASE("kafka spans: keys, values and values of baggage do not pass the mask") {
  Scene scene;
  ManualClock clock;
  std::string recording;
  EventRecorder recorder({}, clock, scene.resources, [&](std::span<const std::byte> piece) {
    recording.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  scene.fetched(encode::encode(batch_of(2, {{"traceparent", parent}, {"baggage", "tenant=s3cret"}, {"x", "s3cret"}})));
  REQUIRE(scene.records.size() == 2);
  for (const std::string& record : scene.records) recorder.event(std::as_bytes(std::span(record)));
  CHECK(recording.find("tenant=") != std::string::npos);
  CHECK(recording.find("s3cret") == std::string::npos);
  CHECK(scene.spans[0].baggage[0].second.empty());
}

TEST_CASE("kafka spans: a message without context begins a trace, and a malformed one is not believed") {
  Scene scene;
  scene.fetched(encode::encode(batch_of(1, {})));
  scene.fetched(encode::encode(batch_of(1, {{"traceparent", "00-zz"}}, 41)));
  scene.fetched(encode::encode(batch_of(1, {{"traceparent", parent}, {"traceparent", parent}}, 42)));
  REQUIRE(scene.spans.size() == 3);
  for (const Span& span : scene.spans) {
    CHECK_FALSE(span.parent_span_id.valid());
    CHECK(span.trace_id.valid());
    CHECK(span.links.empty());
    CHECK(span.flags == 3);
  }
  CHECK(scene.spans[0].trace_id != scene.spans[1].trace_id);
}

TEST_CASE("kafka spans: the sampling decision is the producer's, else that of the agent") {
  KafkaOptions options;
  std::vector<std::optional<bool>> asked;
  options.sampled = [&](std::uint32_t tgid, const TraceId& trace, std::optional<bool> producer) {
    CHECK(trace.valid());
    CHECK(tgid == 100);
    asked.push_back(producer);
    return producer.value_or(false);
  };
  Scene scene(options);
  scene.fetched(encode::encode(batch_of(1, {{"traceparent", parent}})));
  CHECK(scene.spans.size() == 1);
  scene.fetched(
      encode::encode(batch_of(1, {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}})));
  scene.fetched(encode::encode(batch_of(1, {{"b3", "0"}})));
  scene.fetched(encode::encode(batch_of(1, {})));
  CHECK(asked == std::vector<std::optional<bool>>{true, false, false, std::nullopt});
  CHECK(scene.spans.size() == 1);
  CHECK(scene.unsampled.size() == 3);
}

TEST_CASE("kafka spans: other formats, members of baggage in headers of their own, a bare trace id") {
  KafkaOptions options;
  options.context.trace_id_header = "traceID";
  options.context.baggage_headers = {"tenant-id", "env"};
  Scene scene(options, {.mask = MaskRules({}, {"tenant-id", "env", "user"})});
  scene.fetched(encode::encode(batch_of(1, {{"traceID", "0af7651916cd43dd8448eb211c80319c"},
                                            {"tenant-id", "a b"},
                                            {"env", "prod"},
                                            {"baggage-user", "7"},
                                            {"baggage-env", "later"},
                                            {"b3", std::nullopt},
                                            {"x-trace-id", "a\nb"}})));
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c");
  CHECK_FALSE(scene.spans[0].parent_span_id.valid());
  CHECK(scene.spans[0].attributes.text("tenant-id") == "a b");
  CHECK(scene.spans[0].attributes.text("env") == "prod");
  CHECK(scene.spans[0].attributes.text("user") == "7");
  Scene b3;
  b3.fetched(encode::encode(batch_of(1, {{"b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"}})));
  CHECK(b3.spans[0].parent_span_id.hex() == "b7ad6b7169203331");
}

TEST_CASE("kafka spans: names of headers have case, but where none is right a wrong one will do") {
  Scene scene({}, {.mask = MaskRules({}, {"a", "b"})});
  scene.fetched(encode::encode(
      batch_of(1, {{"Traceparent", "x"}, {"traceparent", parent}, {"BAGGAGE", "a=1"}, {"baggage", "b=2"}})));
  scene.fetched(encode::encode(batch_of(1, {{"TraceParent", parent}, {"Baggage", "a=1"}}, 41)));
  REQUIRE(scene.spans.size() == 2);
  for (const Span& span : scene.spans) CHECK(span.parent_span_id.hex() == "b7ad6b7169203331");
  CHECK_FALSE(scene.spans[0].attributes.find("a"));
  CHECK(scene.spans[0].attributes.text("b") == "2");
  CHECK(scene.spans[1].attributes.text("a") == "1");
}

TEST_CASE("kafka spans: trust_incoming false begins a trace that is linked") {
  KafkaOptions options;
  options.trust_incoming = false;
  Scene scene(options);
  scene.fetched(encode::encode(batch_of(1, {{"traceparent", parent}, {"tracestate", "weft=1"}})));
  REQUIRE(scene.spans.size() == 1);
  CHECK_FALSE(scene.spans[0].parent_span_id.valid());
  CHECK(scene.spans[0].trace_state.empty());
  REQUIRE(scene.spans[0].links.size() == 1);
  CHECK(scene.spans[0].links[0].trace_id.hex() == "0af7651916cd43dd8448eb211c80319c");
}

TEST_CASE("kafka spans: many messages are one batch, with links and no parent") {
  KafkaOptions options;
  options.record_limit = 3;
  Scene scene(options);
  scene.fetched(encode::encode(batch_of(3, {{"traceparent", parent}})));
  CHECK(scene.spans.size() == 3);
  scene.spans.clear();
  std::string two = encode::encode(batch_of(3, {{"traceparent", parent}}, 43));
  two += encode::encode(batch_of(1, {{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01"}}, 46));
  scene.fetched(two);
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].attributes.text("messaging.batch.message_count") == "4");
  CHECK(scene.spans[0].attributes.text("messaging.kafka.offset") == "43");
  CHECK_FALSE(scene.spans[0].parent_span_id.valid());
  CHECK(scene.spans[0].links.size() == 2);

  options.span_per_batch = true;
  Scene always(options);
  always.fetched(encode::encode(batch_of(1, {})));
  CHECK(always.spans[0].attributes.text("messaging.batch.message_count") == "1");
}

TEST_CASE("kafka spans: only what reaches the application") {
  Scene scene;
  scene.wire.request(fetch, version, 5, encode::fetch_request(version, 1, 0, {{{"orders"}, {{.offset = 42}}}}));
  encode::Batch aborted = batch_of(1, {}, 44), kept = batch_of(1, {}, 45), mark = batch_of(1, {}, 46),
                later = batch_of(1, {}, 47);
  for (encode::Batch* batch : {&aborted, &mark, &later}) {
    batch->transactional = true;
    batch->producer_id = 9;
  }
  mark.control = true;
  mark.records[0].key = std::string("\0\0\0\0", 4);  // abort
  const std::string all = encode::encode(batch_of(4, {}, 40)) + encode::encode(aborted) + encode::encode(kept) +
                          encode::encode(mark) + encode::encode(later);
  scene.fetched(all, {.aborted = {{9, 44}}});
  CHECK(offsets(scene.spans) == std::vector<std::int64_t>{42, 43, 45, 47});
  // The broker sends whole batches: what the consumer has is not given twice.
  scene.spans.clear();
  scene.fetched(encode::encode(later) + encode::encode(batch_of(1, {}, 48)), {}, 6);
  CHECK(offsets(scene.spans) == std::vector<std::int64_t>{48});
  // … unless it goes back.
  scene.spans.clear();
  scene.wire.request(fetch, version, 7, encode::fetch_request(version, 1, 2, {{{"orders"}, {{.offset = 41}}}}));
  scene.fetched(encode::encode(batch_of(2, {}, 40)), {}, 7);
  CHECK(offsets(scene.spans) == std::vector<std::int64_t>{41});
}

TEST_CASE("kafka spans: the end that a broker cuts off is asked for again, one that is not shown was received") {
  const std::string first = encode::encode(batch_of(2, {}, 40)), last = encode::encode(batch_of(3, {}, 42));
  Scene cut_by_broker;
  cut_by_broker.fetched(first + last.substr(0, last.size() - 5));
  CHECK(offsets(cut_by_broker.spans) == std::vector<std::int64_t>{40, 41});
  Scene cut_here;
  cut_here.wire.most_bytes = 72 + first.size() + last.size() - 12;
  cut_here.fetched(first + last);
  CHECK(cut_here.spans.size() >= 3);
  CHECK(cut_here.spans.size() < 5);
  Scene twice;
  twice.fetched(first + last.substr(0, last.size() - 5));
  twice.fetched(last);
  CHECK(offsets(twice.spans) == std::vector<std::int64_t>{40, 41, 42, 43, 44});
}

TEST_CASE("kafka spans: topics by id, and those that are wanted") {
  Scene scene;
  encode::Topics topics = {{{"orders", std::string(16, 'o')}, {{.records = encode::encode(batch_of(1, {}))}}}};
  scene.wire.response(fetch, id_version, 1, encode::fetch_response(id_version, 1, topics));
  REQUIRE(scene.spans.size() == 1);
  CHECK(scene.spans[0].name == "process");
  CHECK(scene.kafka.counters().unknown_topics == 1);
  scene.wire.response(metadata, 12, 2, encode::metadata_response(12, topics));
  scene.wire.response(fetch, id_version, 3, encode::fetch_response(id_version, 1, topics));
  CHECK(scene.spans[1].name == "process orders");

  KafkaOptions options;
  options.topics = {"ord*"};
  Scene some(options);
  some.fetched(encode::encode(batch_of(1, {})));
  CHECK(some.spans.size() == 1);
  options.topics = {"bills"};
  Scene none(options);
  none.fetched(encode::encode(batch_of(1, {})));
  CHECK(none.spans.empty());
}

TEST_CASE("kafka spans: two groups behind one client id are none") {
  Scene scene;
  for (const char* group : {"billing", "audit"})
    scene.wire.request(join_group, 6, 1, encode::group_request(join_group, 6, group, "m", std::nullopt));
  scene.wire.request(fetch, version, 5, encode::fetch_request(version, 1, 0, {}));
  scene.fetched(encode::encode(batch_of(1, {})));
  CHECK_FALSE(scene.spans[0].attributes.find("messaging.consumer.group.name"));
}

TEST_CASE("kafka spans: lost pieces cost their frame and no other") {
  Scene scene;
  scene.wire.piece_bytes = 40;
  scene.wire.lose_piece = 2;
  scene.fetched(encode::encode(batch_of(2, {})));
  CHECK(scene.spans.empty());
  scene.fetched(encode::encode(batch_of(2, {}, 42)));
  CHECK(offsets(scene.spans) == std::vector<std::int64_t>{42, 43});
  scene.wire.lose_piece = 1000;
  scene.fetched(encode::encode(batch_of(1, {}, 44)));
  CHECK(scene.spans.size() == 3);
}

TEST_CASE("kafka spans: foreign bytes and bad lengths end at the door") {
  Scene scene;
  scene.wire.frame(true, fetch, version, 5, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  scene.wire.frame(false, fetch, version, 5, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  scene.wire.frame(true, fetch, 99, 5, encode::response_header(true, 5));
  CHECK(scene.spans.empty());
  CHECK(scene.kafka.counters().bad_frames == 3);
  kafka_event lie{};
  lie.header = {EVENT_KAFKA, 0, 0, 1};
  auto record = event_record(lie, "abc");
  lie.text_bytes = 4000;
  std::memcpy(record.data() + offsetof(kafka_event, text_bytes), &lie.text_bytes, sizeof lie.text_bytes);
  scene.kafka.feed(record);
  scene.kafka.feed(std::span(record).first(20));
}

TEST_CASE("kafka spans: memory is bounded by connections and bytes") {
  KafkaOptions options;
  options.limits.connections = 10;
  options.limits.total_bytes = 200'000;
  Scene scene(options);
  for (std::uint64_t connection = 1; connection < 100; connection++) {
    encode::Wire wire([&](std::span<const std::byte> record) { scene.kafka.feed(record); }, connection);
    wire.most_bytes = 50'000;
    wire.lose_piece = 49;  // the last: the frame stays open
    wire.frame(true, fetch, version, 1, std::string(100'000, 'x'));
    CHECK(scene.kafka.connections() <= 10);
    CHECK(scene.kafka.bytes() <= 400'000);
  }
  CHECK(scene.kafka.counters().evicted > 80);
  encode::Wire last([&](std::span<const std::byte> record) { scene.kafka.feed(record); }, 99);
  const std::size_t before = scene.kafka.connections();
  last.close();
  CHECK(scene.kafka.connections() == before - 1);
}
