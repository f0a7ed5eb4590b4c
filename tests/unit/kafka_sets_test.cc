// SPDX-License-Identifier: Apache-2.0
// Produce requests whose records were produced for different requests: each is given the headers of its own.
#include <doctest/doctest.h>

#include <set>

#include "support/kafka/work.h"

namespace weft::test::kafka {
namespace {

kafka_work& work() {
  static const auto the_work = new_work();
  return *the_work;
}

}  // namespace

TEST_CASE("Kafka: records of different callers are each given their own headers, and nobody's none") {
  std::mt19937_64 random(21);
  int rebuilds = 0;
  for (int i = 0; i < 300; i++) {
    const Produce request = random_produce(random);
    const Bytes bytes = encode(request);
    if (bytes.size() > KAFKA_SETS_FROM) continue;
    Apart apart = random_apart(random, request);
    give(work(), bytes, apart);
    REQUIRE(kafka_produce_read(&work()) == KAFKA_WHOLE);
    std::size_t changed = 0;
    const Produce expected = with_headers(request, [&](std::size_t n) { return apart.of(n); }, changed);
    REQUIRE(work().changed == changed);
    const Bytes right = encode(expected);
    if (!changed || right.size() > KAFKA_CAP) continue;
    REQUIRE(kafka_rebuild(&work()));
    REQUIRE(target(work()) == right);
    std::size_t told = 0;
    for (__u32 set = 0; set <= work().sets; set++) told += kafka_set_at(&work(), set)->changed;
    REQUIRE(told == changed);
    rebuilds++;
  }
  CHECK(rebuilds > 100);
}

TEST_CASE("Kafka: with more callers than are told apart, those of the last ones are nobody's") {
  give(work(), "", added_context());
  kafka_sets_begin(&work());
  std::set<__u32> sets;
  int nobodys = 0;
  for (std::size_t caller = 1; caller <= 2 * KAFKA_SETS; caller++) {
    const kafka_note note = caller_note(caller);
    const __u32 set = kafka_set_of(&work(), &note);
    CHECK(kafka_set_of(&work(), &note) == set);
    if (!set)
      nobodys++;
    else
      CHECK(sets.insert(set).second);
  }
  CHECK(sets.size() > KAFKA_SETS / 2);
  CHECK(sets.size() + static_cast<std::size_t>(nobodys) == 2 * KAFKA_SETS);
}

TEST_CASE("Kafka: a caller is found again whatever the index holds from before, and one alone does not need it") {
  give(work(), "", added_context());
  for (__u32 place = 0; place < KAFKA_SET_INDEX; place++) *kafka_set_index(&work(), place) = 7;
  kafka_sets_begin(&work());
  const auto set_of = [](std::size_t caller) {
    const kafka_note note = caller_note(caller);
    return kafka_set_of(&work(), &note);
  };
  for (int i = 0; i < 3; i++) CHECK(set_of(1) == 1);
  CHECK(*kafka_set_index(&work(), 0) == 7);
  for (std::size_t caller = 2; caller <= 20; caller++) CHECK(set_of(caller) == caller);
  for (std::size_t caller = 1; caller <= 20; caller++) CHECK(set_of(caller) == caller);
}

TEST_CASE("Kafka: a caller whose headers find no room is told so, and one that is given none what was decided") {
  give(work(), "", added_context());
  kafka_sets_begin(&work());
  const kafka_note note = caller_note(1);
  REQUIRE(kafka_set_of(&work(), &note) == 1);
  kafka_set* const set = kafka_set_at(&work(), 1);
  const auto staged = [&](__u32 room, const Added& added) {
    work().headers_to = KAFKA_SET_INDEX_AT - room;
    set->result = INJECTION_DONE;
    give_headers(work(), added);
    return kafka_set_stage(&work(), 1);
  };
  CHECK(staged(KAFKA_SET_LEAST, added_context()) == 1);
  CHECK(set->result == INJECTION_DONE);
  CHECK(staged(KAFKA_SET_LEAST - 1, added_context()) == 0);
  CHECK(set->result == INJECTION_TOO_LARGE);
  CHECK(staged(KAFKA_SET_LEAST, Added{}) == 0);
  CHECK(set->result == INJECTION_DONE);
}

TEST_CASE("Kafka: every caller's records get a traceparent, however long the texts of those before are") {
  Produce request;
  request.version = 9;
  request.topics = {{"orders", {Partition{}}}};
  Batch& batch = request.topics[0].partitions[0].batch;
  Apart apart;
  for (int caller = 0; caller < 200; caller++) {
    apart.callers.push_back(added_context());
    apart.callers.back().ids.push_back({"tracestate", Bytes(500, 's')});
    apart.callers.back().baggage = Header{"baggage", Bytes(1000, 'b')};
    apart.whose.push_back(static_cast<std::size_t>(caller) + 1);
    batch.records.push_back({.offset_delta = caller, .value = "value"});
  }
  batch.count = 200;
  batch.last_offset_delta = 199;
  give(work(), encode(request), apart);
  REQUIRE(kafka_produce_read(&work()) == KAFKA_WHOLE);
  REQUIRE(kafka_rebuild(&work()));
  std::size_t whole = 0, bare = 0;
  const Produce out = decode(target(work()));
  for (const Record& record : out.topics[0].partitions[0].batch.records) {
    REQUIRE(!record.headers.empty());
    CHECK(record.headers[0] == added_context().ids[0]);
    whole += record.headers.size() == 3;
    bare += record.headers.size() == 1;
  }
  CHECK(whole > 50);
  CHECK(bare > 0);
}

TEST_CASE("Kafka: the baggage of all callers is left out where that of all would be too much") {
  Produce request;
  request.version = 9;
  request.topics = {{"orders", {Partition{}}}};
  Apart apart{{added_context(), added_context()}, {}};
  Batch& batch = request.topics[0].partitions[0].batch;
  for (batch.count = 0; batch.count < 100; batch.count++) {
    batch.records.push_back({.offset_delta = batch.count, .value = "value"});
    apart.whose.push_back(static_cast<std::size_t>(batch.count) % 2 + 1);
  }
  batch.last_offset_delta = batch.count - 1;
  for (const std::size_t bytes : {std::size_t{300}, std::size_t{1000}}) {
    CAPTURE(bytes);
    for (Added& added : apart.callers) added.baggage = Header{"baggage", Bytes(bytes, 'b')};
    give(work(), encode(request), apart);
    REQUIRE(kafka_produce_fit(&work()) == KAFKA_WHOLE);
    REQUIRE(kafka_rebuild(&work()));
    if (bytes == 1000)
      for (Added& added : apart.callers) added.baggage.reset();
    std::size_t changed = 0;
    CHECK(decode(target(work())) == with_headers(request, [&](std::size_t n) { return apart.of(n); }, changed));
  }
}

}  // namespace weft::test::kafka
