// SPDX-License-Identifier: Apache-2.0
#include "golden/streams.h"

#include <functional>
#include <memory>
#include <string_view>

#include "assemble/event_recorder.h"
#include "decode/kafka/exchanges.h"
#include "support/kafka_messages/wire.h"
#include "support/wire_events.h"

namespace weft::testing {
namespace {

constexpr std::uint64_t ms = 1'000'000, second = 1'000'000'000;

// front is process 100, back 200, an application with an SDK of its own 300; others are unknown.
class Processes final : public ResourceSource {
 public:
  std::shared_ptr<const Resource> of(pid_t tgid) override {
    return tgid == 100 ? front_ : tgid == 200 ? back_ : tgid == 300 ? sdk_ : nullptr;
  }
  bool instrumented(pid_t tgid) override { return tgid == 300; }

 private:
  static std::shared_ptr<const Resource> make(const std::string& name, std::int64_t pid) {
    auto resource = std::make_shared<Resource>();
    resource->service_name = name;
    resource->attributes.set("service.name", name);
    resource->attributes.set("host.name", std::string("node-1"));
    resource->attributes.set("process.pid", pid);
    resource->attributes.set("telemetry.sdk.name", std::string("weft"));
    return resource;
  }
  std::shared_ptr<const Resource> front_ = make("front", 100), back_ = make("back", 200), sdk_ = make("sdk", 300);
};

class Story {
 public:
  explicit Story(std::string name)
      : stream_{std::move(name), {}}, recorder_({}, clock_, processes_, [this](std::span<const std::byte> piece) {
          stream_.recording.insert(stream_.recording.end(), piece.begin(), piece.end());
        }) {}
  void request(const request_event& fields, std::string_view head) { recorder_.event(with_text(fields, head)); }
  void response(const response_event& fields, std::string_view head = {}) { recorder_.event(with_text(fields, head)); }
  void record(const Bytes& bytes) { recorder_.event(bytes); }
  void raw(const Bytes& bytes) { stream_.recording.insert(stream_.recording.end(), bytes.begin(), bytes.end()); }
  GoldenStream done() { return std::move(stream_); }

 private:
  static ManualClock start_clock() {
    ManualClock clock;
    clock.monotonic = 100 * second;
    clock.unix_time = 1'750'000'000 * second;
    return clock;
  }
  GoldenStream stream_;
  ManualClock clock_ = start_clock();
  Processes processes_;
  EventRecorder recorder_;
};

// A browser's request with a context: front calls back twice, the second call is answered with an error.
GoldenStream front_and_back() {
  Story story("front_and_back");
  const std::uint64_t t = 101 * second;
  request_event in = server_request(1, t);
  in.attribution = ATTRIBUTION_INCOMING;
  in.facts |= REQUEST_HAS_CONTEXT;
  in.ids.parent_span_id[0] = 0xEE;
  story.request(in,
                "GET /orders/4711/items?sort=price&access_token=s3cret HTTP/1.1\r\nHost: shop.example:8080\r\n"
                "User-Agent: Mozilla/5.0\r\nCookie: session=s3cret\r\nAuthorization: Bearer s3cret\r\n"
                "traceparent: 00-a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1-ee00000000000000-01\r\ntracestate: vendor=1\r\n"
                "baggage: user.id=s3cret,tenant=s3cret;hidden=s3cret\r\n\r\n");
  request_event call = client_request(2, 1, t + 2 * ms);
  story.request(call, "GET /stock/9 HTTP/1.1\r\nHost: back:9000\r\n\r\n");
  request_event served = server_request(3, t + 3 * ms, 200);
  served.attribution = ATTRIBUTION_INCOMING;
  served.facts |= REQUEST_HAS_CONTEXT;
  served.ids = ids_of(0xA1, 3, 2);
  served.local_port = 9000;
  story.request(served, "GET /stock/9 HTTP/1.1\r\nHost: back:9000\r\ntracestate: vendor=1\r\n\r\n");
  response_event answer = response_to(served, t + 7 * ms);
  answer.response_body_bytes = 42;
  story.response(answer);
  answer = response_to(call, t + 8 * ms);
  answer.response_body_bytes = 42;
  story.response(answer);
  call = client_request(4, 1, t + 9 * ms);
  call.injection = INJECTION_NO_BUDGET;
  story.request(call, "POST /reserve HTTP/1.1\r\nHost: back:9000\r\nContent-Length: 10\r\n\r\n");
  answer = response_to(call, t + 15 * ms, 503);
  answer.request_body_bytes = 10;
  story.response(answer);
  answer = response_to(in, t + 20 * ms);
  answer.response_body_bytes = 1234;
  story.response(answer);
  return story.done();
}

// Every way in which an exchange can end, out of order, with losses.
GoldenStream endings() {
  Story story("endings");
  const std::uint64_t t = 102 * second;
  const struct {
    end_reason end;
    __u16 status;
  } cases[] = {{END_COMPLETE, 204}, {END_CLOSED, 0}, {END_CLOSED, 200},  {END_TIMEOUT, 0},
               {END_EXIT, 0},       {END_LOST, 200}, {END_UPGRADED, 101}};
  std::uint64_t id = 1;
  for (const auto& c : cases) {
    const request_event request = server_request(id, t + id * ms);
    response_event response = response_to(request, t + (id + 100) * ms, c.status);
    response.end = static_cast<__u8>(c.end);
    if (id % 2) story.response(response);  // the ring's order is not always the order of things
    story.request(request, "GET /end HTTP/1.1\r\nHost: h\r\n\r\n");
    if (id % 2 == 0) story.response(response);
    id++;
  }
  story.response(response_to(server_request(id++, 0), t + 200 * ms));  // its request was lost
  story.request(server_request(id++, t + 201 * ms, 200), "GET /exits HTTP/1.1\r\nHost: h\r\n\r\n");
  story.record(plain(process_change_of(200, PROCESS_EXIT, t + 300 * ms)));
  for (int i = 0; i < 300; i++)  // time goes on
    story.record(plain(process_change_of(4000, PROCESS_FORK, t + 400 * ms + static_cast<std::uint64_t>(i) * 10 * ms)));
  story.request(server_request(id++, t + 4 * second), "GET /open HTTP/1.1\r\nHost: h\r\n\r\n");
  return story.done();
}

// The table of what an outgoing message already carries, and other exchanges that are for metrics only.
GoldenStream attribution() {
  Story story("attribution");
  const std::uint64_t t = 103 * second;
  const struct {
    enum attribution how;
    injection_result injection;
  } cases[] = {{ATTRIBUTION_TASK, INJECTION_DONE},
               {ATTRIBUTION_INHERITED, INJECTION_DONE},
               {ATTRIBUTION_CARRIED, INJECTION_OVERWRITTEN},
               {ATTRIBUTION_ROOT, INJECTION_DONE},
               {ATTRIBUTION_NONE, INJECTION_NO_TASK},
               {ATTRIBUTION_NONE, INJECTION_OWN_HEADER},
               {ATTRIBUTION_NONE, INJECTION_AMBIGUOUS},
               {ATTRIBUTION_NONE, INJECTION_INSTRUMENTED},
               {ATTRIBUTION_TASK, INJECTION_INVALID_CARRIED},
               {ATTRIBUTION_TASK, INJECTION_BULK}};
  std::uint64_t id = 10;
  for (const auto& c : cases) {
    request_event request =
        client_request(id, c.how == ATTRIBUTION_ROOT || c.how == ATTRIBUTION_NONE ? 0 : 1, t + id * ms);
    request.attribution = static_cast<__u8>(c.how);
    request.injection = static_cast<__u8>(c.injection);
    story.request(request, "GET /x HTTP/1.1\r\nHost: back\r\n\r\n");
    story.response(response_to(request, t + (id + 1) * ms));
    id++;
  }
  request_event unsampled = server_request(id++, t + 100 * ms);
  unsampled.facts = 0;
  unsampled.trace_flags = 0;
  story.request(unsampled, "GET /unsampled HTTP/1.1\r\nHost: h\r\n\r\n");
  story.response(response_to(unsampled, t + 101 * ms));
  const request_event sdk = server_request(id++, t + 102 * ms, 300);
  story.request(sdk, "GET /sdk HTTP/1.1\r\nHost: h\r\n\r\n");
  story.response(response_to(sdk, t + 103 * ms));
  return story.done();
}

// Heads nobody should send, from a process nobody knows, and records that are none.
GoldenStream hostile() {
  Story story("hostile");
  const std::uint64_t t = 104 * second;
  std::uint64_t id = 1;
  for (const std::string_view head :
       {std::string_view("PROPFIND /dav HTTP/1.1\r\nHost: \xff\xfe\r\nUser-Agent: \xe2\x82\r\n\r\n"),
        std::string_view("GET  /two?token=s3cret HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string_view("GET http://ann:s3cret@far:81/p?sig=s3cret#s3cret HTTP/1.1\r\nHost: near\r\n\r\n"),
        std::string_view("GET /cut?password=s3cr"), std::string_view(""),
        std::string_view("s3cret\0s3cret\r\n\r\n", 17),
        std::string_view("GET /\x01\xff HTTP/1.1\r\nbaggage: s3cret,=s3cret,ok=s3cret,b\xff=s3cret\r\n\r\n"),
        std::string_view("CONNECT ann:s3cret@far:443 HTTP/1.1\r\nHost: far\r\n\r\n"),
        std::string_view("OPTIONS * HTTP/1.0\r\nHost: [::1]:x\r\n\r\n")}) {
    const request_event request = server_request(id, t + id * ms, 999);
    story.request(request, head);
    story.response(response_to(request, t + (id + 1) * ms, 404));
    id++;
  }
  story.raw(plain(process_change_of(1, static_cast<process_change>(99), t)));
  Bytes wild = with_text(server_request(id, t), "GET / HTTP/1.1\r\n\r\n");
  const __u32 too_long = 0x7FFFFFFF;
  std::memcpy(wild.data() + offsetof(request_event, text_bytes), &too_long, sizeof(too_long));
  story.raw(wild);
  return story.done();
}

// A producer's request and what a consumer of another process gets of it: one message that goes on with the trace, one
// without context, a tombstone, and more than are shown one by one.
GoldenStream messages() {
  using namespace weft::test::kafka;
  constexpr int fetch = 1, version = 11;
  Story story("messages");
  std::uint64_t next_random = 0x20;
  KafkaOptions options;
  options.record_limit = 3;
  options.random = [&next_random] { return next_random++ * 0x0101010101010101ull; };
  KafkaExchanges door([&](std::span<const std::byte> record) { story.record({record.begin(), record.end()}); },
                      std::move(options));
  const auto feed = [&](std::span<const std::byte> record) { door.feed(record); };

  Wire producer(feed, 1);
  producer.now_ns = 100 * second;
  request_event sent = client_request(1, 0, 100 * second);
  sent.protocol = PROTOCOL_KAFKA;
  sent.connection_id = 1;
  sent.stream = 9;
  sent.peer_port = 9092;
  ProduceText text;
  text.client_id = "front-1";
  text.fields.acks = -1;
  text.fields.partitions = 1;
  text.fields.records = text.fields.injected = 2;
  text.partitions.push_back({{.partition = 3, .records = 2, .magic = 2}, "orders"});
  feed(event_record(sent, write_produce_text(text)));
  producer.now_ns = 100 * second + 5 * ms;
  producer.response(0, 8, 9, produce_response(8, {{{"orders"}, {{.index = 3, .error = 10}}}}));

  Wire consumer(feed, 2);
  consumer.tgid = 200;
  consumer.now_ns = 101 * second;
  consumer.request(11, 6, 1, group_request(11, 6, "billing", "member", std::nullopt));
  consumer.request(fetch, version, 2, fetch_request(version, 1, 0, {{{"orders"}, {{.index = 3, .offset = 40}}}}));
  Batch batch;
  batch.base_offset = 40;
  batch.base_timestamp = 1'750'000'001'000;
  const Header parent{"traceparent", "00-a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1-0101010101010101-01"};
  batch.records = {{.key = "s3cret", .value = "s3cret", .headers = {parent, {"baggage", "tenant=s3cret"}}},
                   {.offset_delta = 1, .value = "s3cret", .headers = {{"secret", "s3cret"}}},
                   {.offset_delta = 2, .key = "s3cret", .headers = {parent}}};
  const auto fetched = [&](int correlation_id) {
    const Partition partition{.index = 3, .records = encode(batch)};
    consumer.response(fetch, version, correlation_id, fetch_response(version, 1, {{{"orders"}, {partition}}}));
  };
  fetched(2);
  batch.base_offset = 43;
  batch.codec = Codec::zstd;
  batch.records.push_back({.offset_delta = 3, .value = "s3cret"});
  fetched(3);
  return story.done();
}

}  // namespace

std::vector<GoldenStream> golden_streams() {
  return {front_and_back(), endings(), attribution(), hostile(), messages()};
}

}  // namespace weft::testing
