// SPDX-License-Identifier: Apache-2.0
// Produce requests are read strictly and rebuilt exactly. The oracle is a decoder that shares nothing with the product.
#include <doctest/doctest.h>

#include "support/kafka/work.h"
#include "wire/kafka_summary.h"

namespace weft::test::kafka {
namespace {

kafka_work& work() {
  static const auto the_work = new_work();
  return *the_work;
}

// The request as it leaves; empty: it is left as it is.
Bytes rebuilt(const Bytes& request, const Added& added) {
  give(work(), request, added);
  if (kafka_produce_read(&work()) != KAFKA_WHOLE || !work().changed || !kafka_rebuild(&work())) return {};
  return target(work());
}

int outcome(const Bytes& request) {
  give(work(), request, added_context());
  return kafka_produce_read(&work());
}

void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (24 - 8 * i));
}

}  // namespace

TEST_CASE("Kafka: CRC-32C is that of RFC 3720, whatever the length and place") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  std::mt19937_64 random(1);
  for (std::size_t n = 0; n < 700; n += 1 + n / 40) {
    Bytes bytes(n, 0);
    for (char& c : bytes) c = static_cast<char>(random());
    const auto at = static_cast<__u32>(random() % 64);
    std::memcpy(work().text.bytes + at, bytes.data(), n);
    CHECK(kafka_crc(&work().text, at, static_cast<__u32>(n)) == crc32c(bytes));
  }
}

TEST_CASE("Kafka: a record of every version is given its headers, and nothing else changes") {
  for (int version = 3; version <= 13; version++) {
    CAPTURE(version);
    Produce request = one_record(version);
    const Bytes out = rebuilt(encode(request), added_context());
    std::size_t changed = 0;
    CHECK(decode(out) == with_headers(request, added_context(), changed));
    CHECK(changed == 1);
    CHECK(work().records == 1);
    CHECK(work().parts[0].partition == 3);
    CHECK(Bytes(reinterpret_cast<char*>(work().text.bytes) + work().parts[0].topic_at, work().parts[0].topic_bytes) ==
          request.topics[0].name);
  }
}

TEST_CASE("Kafka: thousands of random requests come out as expected, to the last byte") {
  std::mt19937_64 random(20);
  int rebuilds = 0;
  for (int i = 0; i < 800; i++) {
    const Produce request = random_produce(random);
    const Added added = random_added(random);
    const Bytes bytes = encode(request);
    if (bytes.size() > KAFKA_CAP) continue;
    REQUIRE(outcome(bytes) == KAFKA_WHOLE);
    std::size_t changed = 0;
    const Produce expected = with_headers(request, added, changed);
    const Bytes out = rebuilt(bytes, added);
    REQUIRE(work().changed == changed);
    const Bytes right = encode(expected);
    if (!changed || right.size() > KAFKA_CAP) {
      REQUIRE(out.empty());
      continue;
    }
    rebuilds++;
    REQUIRE(out == right);
    REQUIRE(decode(out) == expected);
    REQUIRE(std::memcmp(work().text.bytes, bytes.data(), bytes.size()) == 0);
  }
  CHECK(rebuilds > 300);
}

TEST_CASE("Kafka: a record keeps a context of its own, unless it is to be replaced") {
  Record record;
  record.headers = {{"app", "1"}, {"traceparent", "old"}, {"tracestate", "a=b"}, {"baggage", "k=v"}, {"app", {}}};
  const Produce request = one_record(9, record);
  CHECK(rebuilt(encode(request), added_context()).empty());
  CHECK(work().own == 1);
  Added added = added_context();
  added.replace = true;
  added.baggage = Header{"baggage", "x=y"};
  const auto headers = decode(rebuilt(encode(request), added)).topics[0].partitions[0].batch.records[0].headers;
  CHECK(headers == std::vector<Header>{{"app", "1"}, {"app", {}}, added.ids[0], *added.baggage});
}

TEST_CASE("Kafka: a tracestate alone is the application's own") {
  Record record;
  record.headers = {{"app", "1"}, {"tracestate", "a=b"}};
  CHECK(rebuilt(encode(one_record(7, record)), added_context()).empty());
  CHECK(work().own == 1);
}

TEST_CASE("Kafka: baggage of the application's own stays") {
  Record record;
  record.headers = {{"baggage", "k=v"}};
  Added added = added_context();
  added.baggage = Header{"baggage", "x=y"};
  const Bytes out = rebuilt(encode(one_record(7, record)), added);
  CHECK(work().own_baggage == 1);
  CHECK(outcome(encode(one_record(7))) == KAFKA_WHOLE);
  CHECK(work().own_baggage == 0);
  CHECK(decode(out).topics[0].partitions[0].batch.records[0].headers ==
        std::vector<Header>{{"baggage", "k=v"}, added.ids[0]});
}

TEST_CASE("Kafka: what cannot be changed is left as it is, beside what can") {
  Produce request = one_record(9);
  Partition compressed = request.topics[0].partitions[0];
  compressed.batch.attributes = 2;
  compressed.batch.records.clear();
  compressed.batch.opaque = "snappy";
  Partition old{9, {}, Bytes(16, 'x') + '\1' + "old message"};
  request.topics[0].partitions.insert(request.topics[0].partitions.begin(), compressed);
  request.topics[0].partitions.push_back(old);
  std::size_t changed = 0;
  CHECK(decode(rebuilt(encode(request), added_context())) == with_headers(request, added_context(), changed));
  CHECK(changed == 1);
  CHECK(work().parts[0].compression == 2);
  CHECK(work().unread == 2);  // so it is not known for whom all of them were produced
  CHECK(work().parts[2].magic == 1);
}

TEST_CASE("Kafka: a wrong sum is not made right") {
  const Bytes bytes = encode(one_record(9));
  for (std::size_t i = bytes.find("value"); i < bytes.find("value") + 5; i++) {
    Bytes wrong = bytes;
    wrong[i] ^= 4;
    CHECK(outcome(wrong) == KAFKA_CORRUPT);
    CHECK(rebuilt(wrong, added_context()).empty());
  }
}

TEST_CASE("Kafka: only a request that ends with its last byte is read") {
  std::mt19937_64 random(3);
  for (int version = 3; version <= 13; version++) {
    CAPTURE(version);
    const Bytes bytes = encode(one_record(version));
    CHECK(outcome(bytes) == KAFKA_WHOLE);
    for (const char extra : {'\0', '\1'}) {
      Bytes longer = bytes + extra;
      put32(longer, 0, static_cast<std::uint32_t>(longer.size() - 4));
      CHECK(outcome(longer) == KAFKA_MALFORMED);
    }
    for (std::size_t n = 0; n < bytes.size(); n++) {
      Bytes cut = bytes.substr(0, n);
      if (n >= 4) put32(cut, 0, static_cast<std::uint32_t>(n - 4));
      CHECK(outcome(cut) == KAFKA_MALFORMED);
    }
  }
}

TEST_CASE("Kafka: of a request whose beginning alone is there it is told what that says") {
  for (int version = 3; version <= 13; version++) {
    const Bytes bytes = encode(one_record(version));
    for (std::size_t n = 0; n < bytes.size(); n++) {
      give(work(), bytes, added_context());
      work().have = static_cast<__u32>(n);
      std::memset(work().text.bytes + n, 0xff, bytes.size() - n);
      CHECK(kafka_produce_read(&work()) == KAFKA_SHORT);
      CHECK(kafka_rebuild(&work()) == 0);
      if (n + 12 > bytes.size()) CHECK(work().records == 1);
    }
  }
}

TEST_CASE("Kafka: longer varints than necessary are right") {
  Produce request = one_record(9);
  Bytes bytes = encode(request);
  // The record's length, before its attributes, times and null key: 2 bytes in place of 1.
  const std::size_t at = bytes.find("value") - 6;
  bytes.replace(at, 1, Bytes{static_cast<char>(bytes[at] | 0x80), '\0'});
  put32(bytes, 0, static_cast<std::uint32_t>(bytes.size() - 4));
  const std::size_t batch = at - 61;
  put32(bytes, batch + 8, static_cast<std::uint32_t>(bytes.size() - 3 - batch - 12));
  bytes[batch - 1]++;
  put32(bytes, batch + 17, crc32c(bytes.substr(batch + 21, bytes.size() - 3 - batch - 21)));
  REQUIRE(decode(bytes) == request);
  std::size_t changed = 0;
  CHECK(decode(rebuilt(bytes, added_context())) == with_headers(request, added_context(), changed));
}

TEST_CASE("Kafka: limits are limits") {
  Produce request = one_record(9);
  request.topics[0].partitions.resize(KAFKA_PARTS, request.topics[0].partitions[0]);
  CHECK(outcome(encode(request)) == KAFKA_WHOLE);
  request.topics[0].partitions.resize(KAFKA_PARTS + 1, request.topics[0].partitions[0]);
  CHECK(outcome(encode(request)) == KAFKA_LIMIT);
  request = one_record(9);
  request.topics[0].partitions[0].batch.records[0].value = Bytes(KAFKA_CAP - 300, 'v');
  const Bytes fits = encode(request);
  CHECK(outcome(fits) == KAFKA_WHOLE);
  CHECK_FALSE(rebuilt(fits, added_context()).empty());
  request.topics[0].partitions[0].batch.records[0].value = Bytes(KAFKA_CAP - 160, 'v');
  CHECK(rebuilt(encode(request), added_context()).empty());
}

TEST_CASE("Kafka: baggage that would more than double a request that a broker might refuse is left out") {
  struct Case {
    std::size_t records, value;
    bool goes;
  };
  Added added = added_context();
  added.baggage = Header{"baggage", "k=" + Bytes(198, 'v')};
  for (const auto& [records, value, goes] : {Case{1, 100, true},
                                             {1, 400, true},
                                             {150, 100, true},
                                             {300, 100, false},
                                             {300, 500, true},
                                             {1, KAFKA_CAP - 300, false}}) {
    CAPTURE(records);
    CAPTURE(value);
    Produce request = one_record(9);
    Batch& batch = request.topics[0].partitions[0].batch;
    batch.records.assign(records, {.value = Bytes(value, 'v')});
    batch.count = static_cast<int>(records);
    batch.last_offset_delta = batch.count - 1;
    give(work(), encode(request), added);
    REQUIRE(kafka_produce_fit(&work()) == KAFKA_WHOLE);
    const Added given = goes ? added : added_context();
    std::size_t changed = 0;
    REQUIRE(kafka_rebuild(&work()) > 0);
    CHECK(decode(target(work())) == with_headers(request, given, changed));
  }
}

TEST_CASE("Kafka: what goes up of a request names its partitions, and none of its contents") {
  static head_text text;
  std::mt19937_64 random(8);
  for (int i = 0; i < 300; i++) {
    const Produce request = random_produce(random, 50);
    if (outcome(encode(request)) != KAFKA_WHOLE) continue;  // too long
    const __u32 bytes = kafka_summary(&work(), &text, 4096);
    REQUIRE(bytes <= 4096);
    kafka_produce head;
    std::memcpy(&head, text.bytes, sizeof head);
    CHECK(head.api_version == request.version);
    CHECK(head.acks == request.acks);
    CHECK(head.whole == 1);
    CHECK(head.transactional == request.transactional_id.has_value());
    std::size_t at = sizeof head;
    CHECK(Bytes(reinterpret_cast<char*>(text.bytes) + at, head.client_id_bytes) == request.client_id.value_or(""));
    at += head.client_id_bytes;
    std::size_t listed = 0;
    __u32 partitions = 0;
    for (const Topic& topic : request.topics) {
      bool first = true;
      for (const Partition& partition : topic.partitions) {
        partitions++;
        if (listed++ >= head.listed) continue;
        kafka_produce_partition entry;
        std::memcpy(&entry, text.bytes + at, sizeof entry);
        at += sizeof entry;
        CHECK(entry.partition == partition.index);
        CHECK(entry.records == static_cast<__u32>(partition.batch.count));
        CHECK(entry.topic_is_id == (request.version >= 13));
        CHECK(entry.magic == (partition.raw.empty() ? 2 : 1));
        CHECK(entry.compression == (partition.batch.attributes & 7));
        CHECK(Bytes(reinterpret_cast<char*>(text.bytes) + at, entry.topic_bytes) == (first ? topic.name : ""));
        at += entry.topic_bytes;
        first = false;
      }
    }
    CHECK(head.partitions == partitions);
    CHECK(at == bytes);
    CHECK(kafka_summary(&work(), &text, 400) <= 400);
  }
}

}  // namespace weft::test::kafka
