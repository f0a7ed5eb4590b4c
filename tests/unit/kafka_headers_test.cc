// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "decode/kafka/record_ids.h"
#include "support/kafka/headers.h"
#include "support/traffic/random.h"
#include "wire/http1.h"

using weft::test::Random;
using weft::test::kafka::disagreement;
using weft::test::kafka::head_of;

namespace {

constexpr std::string_view context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

void put_number(std::string& raw, std::int64_t number) {
  auto value = static_cast<std::uint32_t>(number >= 0 ? 2 * number : -2 * number - 1);
  for (; value >= 128; value >>= 7) raw.push_back(static_cast<char>(value | 128));
  raw.push_back(static_cast<char>(value));
}

struct Headers {
  std::string raw;
  int count = 0;
  Headers& add(std::string_view name, std::optional<std::string_view> value) {
    put_number(raw, static_cast<std::int64_t>(name.size()));
    raw.append(name);
    put_number(raw, value ? static_cast<std::int64_t>(value->size()) : -1);
    if (value) raw.append(*value);
    count++;
    return *this;
  }
  std::string bytes() const {
    std::string all;
    put_number(all, count);
    return all + raw;
  }
};

std::string lines_of(const Headers& headers, const std::string& trace_name = {}) {
  const auto head = head_of(headers.bytes(), trace_name);
  REQUIRE(head);
  CHECK(disagreement(headers.bytes(), trace_name) == "");
  return head->substr(20, head->size() - 22);
}

}  // namespace

TEST_CASE("kafka headers: a head of those that carry context, in their order") {
  Headers headers;
  headers.add("type", "x").add("traceparent", context).add("tracestate", "a=1").add("other", std::nullopt);
  headers.add("baggage", "k=v").add("b3", "0").add("x-b3-parentspanid", "b7ad6b7169203331");
  CHECK(lines_of(headers) == "traceparent: " + std::string(context) +
                                 "\r\ntracestate: a=1\r\nbaggage: k=v\r\nb3: 0\r\nx-b3-parentspanid: "
                                 "b7ad6b7169203331\r\n");
  head_text text{};
  const std::string head = *head_of(headers.bytes());
  std::memcpy(text.bytes, head.data(), head.size());
  http1 scanned{};
  CHECK((http1_scan(&scanned, &text, 0, static_cast<__u32>(head.size())) & 7) == HTTP1_HEAD);
  CHECK(scanned.traceparent_lines == 1);
  CHECK(scanned.tracestate.count == 1);
  CHECK(scanned.baggage.count == 1);
}

TEST_CASE("kafka headers: none, and nothing of interest") {
  CHECK(head_of("") == "PROCESS * HTTP/1.1\r\n\r\n");
  CHECK(head_of(Headers().bytes()) == "PROCESS * HTTP/1.1\r\n\r\n");
  CHECK(lines_of(Headers().add("", "").add("traceparen", "x").add("traceparent:", "x").add("uberctx-a", "x")) == "");
}

TEST_CASE("kafka headers: names in other case count where none has the name itself") {
  CHECK(lines_of(Headers().add("Traceparent", "a").add("TraceParent", "b")) == "traceparent: a\r\ntraceparent: b\r\n");
  CHECK(lines_of(Headers().add("Traceparent", "a").add("traceparent", "b")) == "traceparent: b\r\n");
  CHECK(lines_of(Headers().add("Traceparent", "a").add("traceparent", std::nullopt)) == "");
  CHECK(lines_of(Headers()
                     .add("x\rtrace-id", "a")
                     .add("x-trace\x0d"
                          "id",
                          "a")) == "");
}

TEST_CASE("kafka headers: values that are no text are none") {
  CHECK(lines_of(
            Headers().add("traceparent", "a\r\nb3: 1").add("b3", std::string_view("a\0b", 3)).add("baggage", "\x7f")) ==
        "");
  CHECK(lines_of(Headers().add("baggage", "k=\t\xc3\xa4")) == "baggage: k=\t\xc3\xa4\r\n");
  CHECK(lines_of(Headers().add("tracestate", "")) == "tracestate: \r\n");
}

TEST_CASE("kafka headers: a header with a bare trace id") {
  CHECK(lines_of(Headers().add("traceID", "abc"), "traceID") == "x-trace-id: abc\r\n");
  CHECK(lines_of(Headers().add("traceID", "abc").add("X-Trace-Id", "d"), "traceID") == "x-trace-id: d\r\n");
  CHECK(lines_of(Headers().add("traceid", "abc").add("traceIDs", "d"), "traceID") == "");
  const std::string longest(KAFKA_TRACE_NAME_BYTES, 'n');
  CHECK(lines_of(Headers().add(longest, "abc").add(longest + "n", "d"), longest) == "x-trace-id: abc\r\n");
}

TEST_CASE("kafka headers: no beginning of them is any, nor are they with something behind") {
  const std::string raw = Headers().add("a", "b").add("traceparent", context).add("n", std::nullopt).bytes();
  for (std::size_t bytes = 1; bytes < raw.size(); bytes++) CHECK_FALSE(head_of(raw.substr(0, bytes)));
  CHECK_FALSE(head_of(raw + '\0'));
  Headers negative;
  put_number(negative.raw, -1);
  negative.count = 1;
  CHECK_FALSE(head_of(negative.bytes()));
  CHECK_FALSE(head_of("\x01"));  // so many headers: -1
  CHECK_FALSE(head_of(std::string(KAFKA_HEADERS_BYTES + 1, '\0')));
}

TEST_CASE("kafka headers: more than are read, and more text than there is room for") {
  Headers many;
  for (int i = 0; i < 300; i++) many.add(i < 256 ? "a" : "b3", "1");
  CHECK(lines_of(many) == "");
  Headers full;
  for (int i = 0; i < 256; i++) full.add("b3", "");
  CHECK(lines_of(full).size() == 256 * 6);
  CHECK(lines_of(Headers().add("tracestate", std::string(8000, 'x'))).size() == 8014);
}

TEST_CASE("kafka headers: the kernel's lines are the agent's, whatever the bytes") {
  Random random(11);
  constexpr std::string_view names[] = {"traceparent", "Tracestate", "B3",      "b3",
                                        "baggage",     "X-Trace-ID", "traceID", "x"};
  for (int round = 0; round < 3000; round++) {
    Headers headers;
    for (auto left = random.below(8); left > 0; left--) {
      std::string value(random.below(40), 'v');
      if (!value.empty() && random.below(4) == 0) value[random.below(value.size())] = static_cast<char>(random.next());
      headers.add(names[random.below(std::size(names))],
                  random.below(8) ? std::optional<std::string_view>(value) : std::nullopt);
    }
    std::string raw = headers.bytes();
    if (random.below(3) == 0) raw[random.below(raw.size())] = static_cast<char>(random.next());
    REQUIRE(disagreement(raw, round % 2 ? "traceID" : "") == "");
  }
}

namespace {

weft::MessageEvent record(std::string_view topic, int partition, long long offset, std::uint32_t tgid = 7) {
  weft::MessageEvent event{};
  event.topic = topic;
  event.fields.partition = partition;
  event.fields.offset = offset;
  event.fields.tgid = tgid;
  return event;
}

std::string text_of(const kafka_record_ids& ids) { return {reinterpret_cast<const char*>(&ids), sizeof ids}; }

}  // namespace

TEST_CASE("kafka record ids: each record its own, the same for whoever knows the key") {
  weft::kafka::RecordIds mine({1, 2}), kernels({1, 2}), others({1, 3});
  weft::MessageEvent continued = record("t", 0, 0);
  continued.fields.facts = weft::kMessageContinued;
  continued.fields.ids.trace_id[0] = 1;
  std::vector<weft::MessageEvent> records = {record("t", 0, 0), record("t", 0, 1),    record("t", 1, 0),
                                             record("u", 0, 0), record("t", 0, 0, 8), continued};
  std::set<std::string> all;
  for (const auto& one : records) {
    const auto ids = mine.of(one), same = kernels.of(one), different = others.of(one);
    REQUIRE((ids && same && different));
    CHECK(text_of(*ids) == text_of(*same));
    all.insert(text_of(*ids));
    all.insert(text_of(*different));
  }
  CHECK(all.size() == 2 * records.size());
}

TEST_CASE("kafka record ids: not twice, and not without a topic") {
  weft::kafka::RecordIds ids({1, 2});
  CHECK(ids.of(record("t", 0, 0)));
  CHECK_FALSE(ids.of(record("t", 0, 0)));
  CHECK_FALSE(ids.of(record("", 0, 0)));
  CHECK_FALSE(ids.of(record(std::string(KAFKA_RECORD_TOPIC, 't'), 0, 0)));
  for (int i = 1; i < 40000; i++) REQUIRE(ids.of(record("t", 0, i)));
  CHECK_FALSE(ids.of(record("t", 0, 0)));  // not forgotten at once
}
