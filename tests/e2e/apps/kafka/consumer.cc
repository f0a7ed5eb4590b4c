// SPDX-License-Identifier: Apache-2.0
// kafka_consumer TOPIC PARTITIONS RECORDS NAME=VALUE…: prints so many records as they come, all partitions from their
// beginning, with these settings of librdkafka. PARTITIONS 0: as a member of its group. Exit code 1 when they do not
// come.
#include <cstdio>
#include <cstdlib>

#include "e2e/apps/kafka/client.h"

namespace {

using weft::app::give_up;

constexpr int limit_ms = 20'000;

std::string bytes(const void* data, std::size_t size) { return {static_cast<const char*>(data), size}; }

weft::app::RecordLine record_of(const rd_kafka_message_t* message) {
  weft::app::RecordLine record;
  record.partition = message->partition;
  record.offset = message->offset;
  record.timestamp = rd_kafka_message_timestamp(message, nullptr);
  if (message->key) record.key = bytes(message->key, message->key_len);
  if (message->payload) record.value = bytes(message->payload, message->len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers)) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
    record.headers.emplace_back(name, value ? std::optional(bytes(value, size)) : std::nullopt);
  return record;
}

void take_partitions(rd_kafka_t* client, const char* topic, int partitions) {
  const weft::app::Partitions list(rd_kafka_topic_partition_list_new(1));
  if (partitions == 0) {
    rd_kafka_topic_partition_list_add(list.get(), topic, RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(client, list.get())) give_up("cannot subscribe");
    return;
  }
  for (int i = 0; i < partitions; i++) rd_kafka_topic_partition_list_add(list.get(), topic, i)->offset = 0;
  if (rd_kafka_assign(client, list.get())) give_up("cannot assign");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) give_up("kafka_consumer TOPIC PARTITIONS RECORDS NAME=VALUE…");
  const weft::app::Client client =
      weft::app::make_client(RD_KAFKA_CONSUMER, weft::app::configuration(std::span(argv + 4, argv + argc)));
  rd_kafka_poll_set_consumer(client.get());
  take_partitions(client.get(), argv[1], std::atoi(argv[2]));
  for (long left = std::atol(argv[3]); left > 0;) {
    const weft::app::Message message(rd_kafka_consumer_poll(client.get(), limit_ms));
    if (!message) give_up("no record");
    if (message->err == RD_KAFKA_RESP_ERR__TRANSPORT) continue;  // said, and tried again
    if (message->err) give_up(rd_kafka_message_errstr(message.get()));
    std::puts(weft::app::write_record(record_of(message.get())).c_str());
    left--;
  }
  rd_kafka_consumer_close(client.get());
}
