// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the Kafka reader and rebuilder does what the user-space build does.
#include <doctest/doctest.h>

#include <cstring>

#include "support/kafka/work.h"
#include "support/wire_door.h"

namespace weft::test::kafka {
namespace {

KernelDoor& door() {
  static KernelDoor the_door;
  return the_door;
}

kafka_work& here() {
  static const auto work = new_work();
  return *work;
}

constexpr std::size_t state_bytes = offsetof(kafka_work, text);

// One request through both, `given` one Added for all or an Apart. True: it was rebuilt.
template <class Given>
bool both(const Bytes& request, Given given, std::uint32_t have) {
  kafka_door& there = door().kafka();
  give(here(), request, given);
  here().have = std::min(here().have, have);
  std::memcpy(&there.work, &here(), state_bytes);
  std::memcpy(there.work.text.bytes, here().text.bytes, KAFKA_CAP);
  const auto outcome = static_cast<__u32>(kafka_produce_read(&here()));
  door().kafka_read();
  REQUIRE(there.result == outcome);
  REQUIRE(std::memcmp(&there.work, &here(), state_bytes) == 0);
  bool changed = false;
  if (outcome == KAFKA_WHOLE && here().changed) {
    const auto length = static_cast<__u32>(kafka_rebuild(&here()));
    door().kafka_rebuild();
    REQUIRE(there.result == length);
    REQUIRE(std::memcmp(there.work.text.bytes + KAFKA_TARGET, here().text.bytes + KAFKA_TARGET, length) == 0);
    changed = length > 0;
  }
  static head_text text;
  there.to = 1000;
  const __u32 bytes = kafka_summary(&here(), &text, there.to);
  door().kafka_summary();
  REQUIRE(there.result == bytes);
  REQUIRE(std::memcmp(there.text.bytes, text.bytes, bytes) == 0);
  return changed;
}

}  // namespace

TEST_CASE("Kafka in the kernel: records of different callers") {
  std::mt19937_64 random(12);
  int changed = 0;
  for (int i = 0; i < 300; i++) {
    const Produce request = random_produce(random);
    const Bytes bytes = encode(request);
    if (bytes.size() <= KAFKA_SETS_FROM) changed += both(bytes, random_apart(random, request), ~0u);
  }
  CHECK(changed > 100);
}

TEST_CASE("Kafka in the kernel: random requests, whole, cut and broken") {
  std::mt19937_64 random(11);
  int changed = 0;
  for (int i = 0; i < 600; i++) {
    Bytes request = encode(random_produce(random, i % 20 ? 300 : 30000));
    std::uint32_t have = ~0u;
    if (i % 5 == 1) have = static_cast<std::uint32_t>(random() % request.size());
    if (i % 5 == 2)
      for (int n = 0; n < 3; n++) request[random() % request.size()] = static_cast<char>(random());
    if (i % 5 == 3) request[12 + random() % std::min<std::size_t>(request.size() - 12, 200)] ^= 1;
    changed += both(request, random_added(random), have);
  }
  CHECK(changed > 150);
}

TEST_CASE("Kafka in the kernel: answers of any bytes") {
  std::mt19937_64 random(12);
  int refused = 0;
  for (int i = 0; i < 3000; i++) {
    kafka_door& there = door().kafka();
    for (std::size_t n = 0; n < 400; n++)
      there.text.bytes[n] = static_cast<__u8>(random() % 4 ? random() % 3 : random());
    there.from = static_cast<__u32>(random() % 400);
    there.to = static_cast<__u32>(3 + random() % 11);
    const int refuses = kafka_answer_refuses(&there.text, there.from, there.to);
    door().kafka_answer();
    REQUIRE(there.result == static_cast<__u32>(refuses));
    refused += refuses;
  }
  CHECK(refused > 10);
}

}  // namespace weft::test::kafka
