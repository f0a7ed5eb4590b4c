// SPDX-License-Identifier: Apache-2.0
// Records that leave together are given a span each: the id in each record, and what is told of all of them.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <optional>

#include "decode/kafka/produce_text.h"
#include "support/kafka/work.h"
#include "wire/kafka_summary.h"

namespace weft::test::kafka {
namespace {

constexpr __u64 kSending = 0xb7ad6b7169203331;

struct Work {
  std::unique_ptr<kafka_work> own = new_work();
  kafka_work* operator->() const { return own.get(); }
  kafka_work& operator*() const { return *own; }
};

Work work(__u32 each_most) {
  Work work;
  work->each_most = each_most;
  work->sending = kSending;
  return work;
}

std::string hex_of(__u64 id) {
  std::string out;
  for (int at = 0; at < 8; at++, id >>= 8) {
    const char* const digits = "0123456789abcdef";
    out += digits[id >> 4 & 15];
    out += digits[id & 15];
  }
  return out;
}

// A request of `counts` records in each of its partitions, of two topics.
Produce request_of(std::initializer_list<int> counts) {
  Produce request;
  request.topics = {{"orders", {}}, {"stock", {}}};
  std::int32_t index = 0;
  for (const int count : counts) {
    Partition partition;
    partition.index = index;
    for (; partition.batch.count < count; partition.batch.count++)
      partition.batch.records.push_back({.offset_delta = partition.batch.count, .value = "value"});
    partition.batch.last_offset_delta = count - 1;
    request.topics[index++ % 2].partitions.push_back(partition);
  }
  return request;
}

// The span id that each record names, in their order; "": it has no context but one of its own.
std::vector<std::string> spans_in(const Produce& request) {
  std::vector<std::string> spans;
  for (const Topic& topic : request.topics)
    for (const Partition& partition : topic.partitions)
      for (const Record& record : partition.batch.records) {
        const bool given = !record.headers.empty() && record.headers.back().key == "traceparent" &&
                           record.headers.back().value->size() == 55;
        spans.push_back(given ? record.headers.back().value->substr(36, 16) : "");
      }
  return spans;
}

std::optional<ProduceText> summary(kafka_work& work, std::string& storage) {
  static head_text text;
  storage.assign(reinterpret_cast<const char*>(text.bytes), kafka_summary(&work, &text, 4096));
  storage.assign(reinterpret_cast<const char*>(text.bytes), storage.size());
  return read_produce_text(storage);
}

}  // namespace

TEST_CASE("Kafka: each of the records that leave together names a span of its own, and is told of by numbers alone") {
  const Work one = work(6);
  Produce request = request_of({1, 2, 3});
  request.topics[0].partitions[0].batch.records[0].headers = {{"traceparent", "its own"}};
  give(*one, encode(request), added_context());
  REQUIRE(kafka_produce_read(one.own.get()) == KAFKA_WHOLE);
  REQUIRE(kafka_rebuild(one.own.get()));
  std::vector<std::string> wanted{""};
  for (__u32 number = 0; number < 5; number++) wanted.push_back(hex_of(kafka_message_span(kSending, number)));
  CHECK(spans_in(decode(target(*one))) == wanted);
  std::string storage;
  const auto told = summary(*one, storage);
  REQUIRE(told);
  CHECK(told->fields.each == 1);
  CHECK(told->fields.injected == 5);
  std::map<std::int32_t, int> each;
  for (const auto& partition : told->partitions) each[partition.fields.partition] = partition.fields.each;
  CHECK(each == std::map<std::int32_t, int>{{0, 0}, {1, 2}, {2, 3}});
}

TEST_CASE("Kafka: one record alone, and more than are to have spans, name the span of their sending") {
  for (const auto& [most, counts] : std::vector<std::pair<__u32, int>>{{0, 3}, {100, 1}, {4, 5}}) {
    const Work all = work(most);
    give(*all, encode(request_of({counts})), added_context());
    REQUIRE(kafka_produce_read(all.own.get()) == KAFKA_WHOLE);
    REQUIRE(kafka_rebuild(all.own.get()));
    CHECK(spans_in(decode(target(*all))) ==
          std::vector<std::string>(static_cast<std::size_t>(counts), "b7ad6b7169203331"));
    std::string storage;
    const auto told = summary(*all, storage);
    REQUIRE(told);
    CHECK(told->fields.each == 0);
    CHECK(told->partitions[0].fields.each == 0);
  }
}

TEST_CASE("Kafka: of several callers each one's records name spans below its own sending") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 50; round++) {
    const Work apart = work(round % 2 ? 3 : 100);
    const Produce request = request_of({2, 5, 9, 4});
    Apart whose{{added_context(), added_context(), added_context()}, {}};
    for (std::size_t n = 0; n < records_in(request); n++) whose.whose.push_back(random() % 4);
    give(*apart, encode(request), whose);
    for (__u32 set = 1; set <= apart->sets; set++)
      kafka_set_at(apart.own.get(), set)->span_id[0] = static_cast<__u8>(set);
    std::memset(apart->text.bytes + 2 * KAFKA_CAP, 0xff, KAFKA_PIECE);  // of the request before
    REQUIRE(kafka_produce_read(apart.own.get()) == KAFKA_WHOLE);
    if (!apart->changed) continue;
    REQUIRE(kafka_rebuild(apart.own.get()));
    std::vector<__u32> counts(4), seen(4);
    for (const std::size_t set : whose.whose) counts[set]++;
    std::map<__u32, std::map<std::int32_t, int>> in;
    std::vector<std::string> wanted;
    std::size_t n = 0;
    for (const Topic& topic : request.topics)
      for (const Partition& partition : topic.partitions)
        for (std::size_t i = 0; i < partition.batch.records.size(); i++) {
          const auto set = static_cast<__u32>(whose.whose[n++]);
          const bool each = set && counts[set] > 1 && counts[set] <= apart->each_most;
          const __u64 sending = wire_load64(kafka_set_at(apart.own.get(), set)->span_id);
          if (each) in[set][partition.index]++;
          wanted.push_back(!set ? "" : each ? hex_of(kafka_message_span(sending, seen[set]++)) : "b7ad6b7169203331");
        }
    REQUIRE(spans_in(decode(target(*apart))) == wanted);
    for (apart->set = 1; apart->set <= apart->sets; apart->set++) {
      kafka_set_alone(apart.own.get());
      std::string storage;
      const auto told = summary(*apart, storage);
      REQUIRE(told);
      CHECK(told->fields.each == (in.contains(apart->set) ? 1 : 0));
      for (const auto& partition : told->partitions)
        CHECK(partition.fields.each == in[apart->set][partition.fields.partition]);
    }
  }
}

}  // namespace weft::test::kafka
