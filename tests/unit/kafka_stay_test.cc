// SPDX-License-Identifier: Apache-2.0
// Batches that stay as they are beside others that are changed: of topics that are not chosen, and those that would
// become longer than a batch may be.
#include <doctest/doctest.h>

#include <cstring>

#include "support/kafka/work.h"
#include "wire/kafka_topic.h"

namespace weft::test::kafka {
namespace {

kafka_work& work() {
  static const auto the_work = new_work();
  return *the_work;
}

// The request without the batches whose bit is set in `stays` changes, and with those as they were.
Produce expected(const Produce& request, const Added& added, std::uint64_t stays, std::size_t& changed) {
  Produce out = with_headers(request, added, changed);
  changed = 0;
  unsigned part = 0;
  for (std::size_t t = 0; t < request.topics.size(); t++)
    for (std::size_t p = 0; p < request.topics[t].partitions.size(); p++, part++) {
      const Partition& before = request.topics[t].partitions[p];
      Partition& after = out.topics[t].partitions[p];
      if (stays >> part & 1) after = before;
      for (std::size_t r = 0; r < after.batch.records.size(); r++)
        changed += after.batch.records[r] != before.batch.records[r];
    }
  return out;
}

Produce batches(std::initializer_list<std::size_t> value_bytes) {
  Produce request;
  request.topics = {{"orders", {}}};
  for (const std::size_t bytes : value_bytes) {
    Partition partition;
    partition.index = static_cast<std::int32_t>(request.topics[0].partitions.size());
    partition.batch.records = {{.value = Bytes(bytes, 'v')}};
    partition.batch.count = 1;
    request.topics[0].partitions.push_back(partition);
  }
  return request;
}

std::size_t batch_bytes(const Produce& request, std::size_t partition) {
  const Produce alone{.topics = {{"orders", {request.topics[0].partitions[partition]}}}};
  give(work(), encode(alone), added_context());
  REQUIRE(kafka_produce_read(&work()) == KAFKA_WHOLE);
  return work().parts[0].batch_bytes;
}

}  // namespace

TEST_CASE("Kafka: batches that are to stay are the same to the last byte, those beside them are given headers") {
  std::mt19937_64 random(11);
  int rebuilds = 0;
  for (int i = 0; i < 300; i++) {
    const Produce request = random_produce(random);
    const Added added = random_added(random);
    if (encode(request).size() > KAFKA_CAP) continue;
    give(work(), encode(request), added);
    work().stay_parts = random();
    const std::uint64_t stays = work().stay_parts;
    REQUIRE(kafka_produce_read(&work()) == KAFKA_WHOLE);
    std::size_t changed = 0;
    const Produce right = expected(request, added, stays, changed);
    REQUIRE(work().changed == changed);
    if (!changed || encode(right).size() > KAFKA_CAP) continue;
    REQUIRE(kafka_rebuild(&work()));
    REQUIRE(target(work()) == encode(right));
    rebuilds++;
  }
  CHECK(rebuilds > 100);
}

TEST_CASE("Kafka: no batch becomes longer than one may be, but one that is so already") {
  const Produce request = batches({1000, 2000, 1200});
  Added with_baggage = added_context();
  with_baggage.baggage = Header{"baggage", Bytes(100, 'b')};
  const std::size_t first = batch_bytes(request, 0), context = encode_headers(added_context().ids).size();
  const std::size_t all = context + encode_headers({*with_baggage.baggage}).size();
  struct Case {
    std::size_t most;
    std::uint64_t stays;
    bool baggage;
  };
  for (const auto& [most, stays, baggage] : std::vector<Case>{
           {0, 0, true},
           {first + 1000 + all, 0, true},           // all fit
           {first + all + 199, 0, false},           // the third one only without baggage; the second is longer anyway
           {first + 200 + context - 10, 4, false},  // … and not even so
           {first + 200 + context + 1, 0, false},
           {first + context - 10, 1, false},  // the third one is longer already
           {first - 1, 0, true}}) {           // all are
    CAPTURE(most);
    give(work(), encode(request), with_baggage);
    work().batch_most = static_cast<__u32>(most);
    CHECK(kafka_produce_fit(&work()) == KAFKA_WHOLE);
    work().batch_most = 0;
    CHECK(work().over == (stays ? 1 : 0));
    std::size_t changed = 0;
    const Produce right = expected(request, baggage ? with_baggage : added_context(), stays, changed);
    CHECK(work().changed == changed);
    REQUIRE(kafka_rebuild(&work()));
    CHECK(target(work()) == encode(right));
  }
}

TEST_CASE("Kafka: the sum of a topic tells names and ids apart") {
  const auto sum = [](std::string name) {
    const auto bytes = static_cast<__u32>(name.size());
    name.resize(KAFKA_TOPIC_ROOM);
    return kafka_topic_sum(reinterpret_cast<const __u8*>(name.data()), bytes);
  };
  CHECK(sum("orders") == sum("orders"));
  CHECK(sum("orders") != sum("order"));
  CHECK(sum("orders") != sum(std::string("orders\0", 7)));
  CHECK(sum(std::string(249, 'o')) != sum(std::string(248, 'o') + "p"));
  CHECK(sum(std::string(16, 'o')) != sum(std::string(16, 'p')));
}

}  // namespace weft::test::kafka
