// SPDX-License-Identifier: Apache-2.0
// What a client of Kafka sends that is none, on live sockets: it arrives as it was sent.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "decode/kafka/produce_text.h"
#include "kafka_frames.h"
#include "support/traffic/process.h"

namespace weft::test::kafka {
namespace {

// What a confirmed connection of Kafka then sends, as it arrives; the broker answers only what comes before.
Bytes passed(TestAgent& agent, const std::vector<Bytes>& sends) {
  const Listener listener = listen_on_loopback();
  Bytes arrived;
  std::thread broker([&] {
    const Fd fd = accept_from(listener.fd.get());
    read_frame(fd.get());
    send_all(fd.get(), number(10) + number(0) + Bytes(6, '\0'));
    char buffer[65536];
    for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
      arrived.append(buffer, static_cast<std::size_t>(n));
  });
  ForkedChild client([&] {
    const Fd fd = connect_to(listener.port);
    if (!send_all(fd.get(), api_versions()) || !read_frame(fd.get())) return "no broker";
    for (const Bytes& bytes : sends)
      if (!send_all(fd.get(), bytes)) return "cannot send";
    return "done";
  });
  REQUIRE(agent.trace(client.pid()));
  client.go();
  CHECK(client.result() == "done");
  broker.join();
  agent.untrace(client.pid());
  return arrived;
}

}  // namespace

TEST_CASE("Kafka on sockets: of a request whose head comes in pieces nothing is told that another one said") {
  const auto agent = agent_now();
  const auto request = [](const char* topic, int records) {
    Produce out;
    out.version = 9;
    out.acks = 0;
    out.client_id = topic;
    out.topics = {{topic, {Partition{}}}};
    Batch& batch = out.topics[0].partitions[0].batch;
    for (batch.count = 0; batch.count < records; batch.count++)
      batch.records.push_back({.offset_delta = batch.count, .value = "value"});
    batch.last_offset_delta = records - 1;
    return encode(out);
  };
  const Bytes good = request("orders", 2), other = request("shipments", 3);
  const Bytes arrived = passed(*agent, {good, other.substr(0, 9), other.substr(9), good});
  if (!agent->real()) {
    CHECK(arrived == good + other + good);
    return;
  }
  CHECK(arrived.find(other) != Bytes::npos);
  std::vector<SeenRequest> told;
  for (int tries = 0; (told = agent->requests()).size() < 3 && tries < 1000; tries++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  REQUIRE(told.size() == 3);
  const auto first = read_produce_text(told[0].text), pieces = read_produce_text(told[1].text);
  REQUIRE(first);
  REQUIRE(pieces);
  CHECK(first->fields.records == 2);
  CHECK(first->client_id == "orders");
  CHECK(told[0].injection == INJECTION_DONE);
  CHECK(told[1].injection == INJECTION_NOT_WHOLE);
  CHECK(pieces->client_id.empty());
  CHECK(pieces->partitions.empty());
  CHECK((pieces->fields.records | pieces->fields.partitions | pieces->fields.injected | pieces->fields.whole) == 0);
  CHECK(pieces->fields.acks == -1);
}

TEST_CASE("Kafka on sockets: what is not what it should be passes as it was sent, and is counted") {
  const auto agent = agent_now();
  std::mt19937_64 random(9);
  Produce request;
  request.version = 9;
  request.acks = 0;
  request.topics = {{"orders", {Partition{}}}};
  Batch& batch = request.topics[0].partitions[0].batch;
  batch.records = {{.value = Bytes(500, 'v')}, {.offset_delta = 1, .value = "second"}};
  batch.count = 2;
  batch.last_offset_delta = 1;
  const Bytes good = encode(request);
  const std::size_t head = good.find("orders") + 6;  // behind it: partitions, and the batch
  const auto flipped = [&](std::size_t at) {
    Bytes bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    return bytes;
  };
  const auto longer = [&](std::uint32_t by) {
    return number(static_cast<std::uint32_t>(good.size()) - 4 + by) + good.substr(4);
  };
  const std::uint64_t malformed_before = agent->counters().injections[{"kafka", "malformed"}];
  for (const auto& [name, hostile, ends] : std::vector<std::tuple<std::string, Bytes, bool>>{
           {"a sum that is wrong", flipped(good.size() - 20), false},
           {"a batch of another length", flipped(head + 17), false},
           {"a format that there is not", flipped(head + 23), false},
           {"a request that ends in its batch",
            number(static_cast<std::uint32_t>(head + 60 - 4)) + good.substr(4, head + 60 - 4), false},
           {"a frame that lies about its length", longer(100), false},
           {"a frame without end", Bytes("\xff\xff\xff\xff") + good.substr(4), true},
           {"another protocol", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true}}) {
    CAPTURE(name);
    const Bytes arrived = passed(*agent, {good, hostile, good});
    if (!agent->real()) {
      CHECK(arrived == good + hostile + good);
      continue;
    }
    // Good ones may be given headers, the one in between may not.
    REQUIRE(arrived.size() >= hostile.size());
    CHECK(arrived.find(hostile) != Bytes::npos);
    const std::size_t first = 4 + number_at(arrived, 0);
    CHECK(first > good.size());
    CHECK(arrived.substr(first, hostile.size()) == hostile);
    if (ends) CHECK(arrived.substr(first + hostile.size()) == good);
  }
  if (!agent->real()) return;
  CHECK(agent->counters().injections[{"kafka", "malformed"}] >= malformed_before + 3);
  std::uint64_t parked = 0;
  for (const auto& [key, count] : agent->counters().errors)
    if (key.reason == "parked_bad_framing") parked += count;
  CHECK(parked >= 2);
}

}  // namespace weft::test::kafka
