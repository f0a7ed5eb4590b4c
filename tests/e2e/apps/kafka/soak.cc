// SPDX-License-Identifier: Apache-2.0
// kafka_soak produce|consume TOPIC PARTITIONS RECORDS NAME=VALUE…: so many records that follow from their numbers, with
// these settings of librdkafka. Each partition has every PARTITIONS-th one, in order. Begins with a line of input, and
// stays until its end.
//
// produce: exit code 1 when one was not delivered. With a transactional.id, 10,000 a transaction.
// consume: prints "RECORDS CONTEXTS", how many have a context beyond what was sent; exit code 1 at the first that is
// not the one that comes next, or not as it was sent.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "e2e/apps/kafka/client.h"

namespace {

using weft::app::give_up;

constexpr int limit_ms = 120'000;
constexpr long of_transaction = 10'000;
constexpr long long first_ms = 1'700'000'000'000;

struct Work {
  std::string topic;
  int partitions;
  long records;
  bool transactions;
};

std::uint64_t mixed(std::uint64_t n) {  // splitmix64
  n += 0x9e3779b97f4a7c15u;
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9u;
  n = (n ^ (n >> 27)) * 0x94d049bb133111ebu;
  return n ^ (n >> 31);
}

weft::app::RecordLine record_of(long number, int partitions) {
  const std::uint64_t kind = mixed(static_cast<std::uint64_t>(number));
  weft::app::RecordLine record;
  record.partition = static_cast<int>(number % partitions);
  record.offset = number / partitions;
  record.timestamp = first_ms + number;
  if (kind % 8) record.key = std::to_string(number);
  if ((kind >> 8) % 16) record.value.emplace(1 + (kind >> 16) % 200, '\0');
  if (record.value)
    for (std::size_t i = 0; i < record.value->size(); i++)
      (*record.value)[i] = static_cast<char>(mixed(kind) >> i % 8 * 8);
  for (std::uint64_t i = 0; i < (kind >> 32) % 3; i++)
    record.headers.emplace_back(i ? "number" : "n", std::to_string(number));
  return record;
}

long delivered;

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err) give_up(rd_kafka_err2str(message->err));
  delivered++;
}

void must(rd_kafka_error_t* error) {
  if (error) give_up(rd_kafka_error_string(error));
}

void send(rd_kafka_t* client, const Work& work, const weft::app::RecordLine& record) {
  rd_kafka_headers_t* const headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers)
    rd_kafka_header_add(headers, name.data(), -1, value->data(), static_cast<ssize_t>(value->size()));
  const auto data = [](const auto& text) { return text ? const_cast<char*>(text->data()) : nullptr; };
  const auto size = [](const auto& text) { return text ? text->size() : 0; };
  for (;;) {
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(work.topic.c_str()), RD_KAFKA_V_PARTITION(record.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(record.timestamp),
        RD_KAFKA_V_KEY(data(record.key), size(record.key)), RD_KAFKA_V_VALUE(data(record.value), size(record.value)),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (!error) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) give_up(rd_kafka_err2str(error));
    rd_kafka_poll(client, 10);
  }
}

void produce(rd_kafka_t* client, const Work& work) {
  if (work.transactions) must(rd_kafka_init_transactions(client, limit_ms));
  for (long number = 0; number < work.records; number++) {
    if (work.transactions && number % of_transaction == 0) must(rd_kafka_begin_transaction(client));
    send(client, work, record_of(number, work.partitions));
    if (number % 100 == 0) rd_kafka_poll(client, 0);
    if (work.transactions && (number + 1) % of_transaction == 0) must(rd_kafka_commit_transaction(client, limit_ms));
  }
  if (work.transactions && work.records % of_transaction) must(rd_kafka_commit_transaction(client, limit_ms));
  if (rd_kafka_flush(client, limit_ms)) give_up("cannot flush");
  if (delivered != work.records) give_up("not all were delivered");
  std::cout << delivered << std::endl;
}

bool is_traceparent(std::string_view text) {
  const auto hex = [](std::string_view part) {
    return part.find_first_not_of("0123456789abcdef") == part.npos && part.find_first_not_of('0') != part.npos;
  };
  return text.size() == 55 && text.starts_with("00-") && hex(text.substr(3, 32)) && text[35] == '-' &&
         hex(text.substr(36, 16)) && text[52] == '-';
}

// Whether a context was added, which is the one thing that may be.
bool added(const rd_kafka_message_t* message, const weft::app::RecordLine& sent) {
  const auto same = [](const void* data, std::size_t size, const std::optional<std::string>& text) {
    return text ? data && std::string_view(static_cast<const char*>(data), size) == *text : !data;
  };
  const auto differs = [&](const char* what) {
    give_up("record " + std::to_string(sent.timestamp - first_ms) + ": another " + what);
  };
  if (rd_kafka_message_timestamp(message, nullptr) != sent.timestamp) differs("record, or time");
  if (!same(message->key, message->key_len, sent.key)) differs("key");
  if (!same(message->payload, message->len, sent.value)) differs("value");
  rd_kafka_headers_t* headers = nullptr;
  const std::size_t count = rd_kafka_message_headers(message, &headers) ? 0 : rd_kafka_header_cnt(headers);
  if (count < sent.headers.size() || count > sent.headers.size() + 1) differs("number of headers");
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; i++) {
    rd_kafka_header_get_all(headers, i, &name, &value, &size);
    if (i < sent.headers.size()
            ? sent.headers[i].first != name || !same(value, size, sent.headers[i].second)
            : std::string_view(name) != "traceparent" || !is_traceparent({static_cast<const char*>(value), size}))
      differs("header");
  }
  return count > sent.headers.size();
}

void consume(rd_kafka_t* client, const Work& work) {
  rd_kafka_poll_set_consumer(client);
  const weft::app::Partitions list(rd_kafka_topic_partition_list_new(work.partitions));
  for (int i = 0; i < work.partitions; i++)
    rd_kafka_topic_partition_list_add(list.get(), work.topic.c_str(), i)->offset = 0;
  if (rd_kafka_assign(client, list.get())) give_up("cannot assign");
  std::vector<long> next;  // the number of each partition's next record
  for (int i = 0; i < work.partitions; i++) next.push_back(i);
  long contexts = 0;
  for (long left = work.records; left > 0;) {
    const weft::app::Message message(rd_kafka_consumer_poll(client, limit_ms));
    if (!message) give_up("a record did not come");
    if (message->err == RD_KAFKA_RESP_ERR__TRANSPORT || message->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
        message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
      continue;  // said, and tried again
    if (message->err) give_up(rd_kafka_message_errstr(message.get()));
    long& number = next.at(static_cast<std::size_t>(message->partition));
    contexts += added(message.get(), record_of(number, work.partitions));
    number += work.partitions;
    left--;
  }
  // None comes twice, or from nowhere.
  const weft::app::Message more(rd_kafka_consumer_poll(client, 2000));
  if (more && !more->err) give_up("one record too many");
  std::cout << work.records << ' ' << contexts << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) give_up("kafka_soak produce|consume TOPIC PARTITIONS RECORDS NAME=VALUE…");
  const bool produces = std::string_view(argv[1]) == "produce";
  const std::span<char*> settings(argv + 5, argv + argc);
  const Work work{argv[2], std::atoi(argv[3]), std::atol(argv[4]),
                  std::any_of(settings.begin(), settings.end(),
                              [](std::string_view setting) { return setting.starts_with("transactional.id="); })};
  std::string line;
  std::getline(std::cin, line);
  rd_kafka_conf_t* const conf = weft::app::configuration(settings);
  if (produces) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  const weft::app::Client client = weft::app::make_client(produces ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf);
  (produces ? produce : consume)(client.get(), work);
  while (std::getline(std::cin, line)) continue;
  if (!produces) rd_kafka_consumer_close(client.get());
}
