// SPDX-License-Identifier: Apache-2.0
// kafka_producer TOPIC NAME=VALUE…: what the input says, with these settings of librdkafka:
//
//   a record           as in client.h; its offset says nothing
//   flush              waits until everything is delivered, and says how much of all that is
//   begin | commit | abort
//
// At the end of the input it flushes; exit code 1 when something was not delivered.
#include <iostream>
#include <string>

#include "e2e/apps/kafka/client.h"

namespace {

using weft::app::give_up;

constexpr int limit_ms = 60'000;
long delivered, failed;

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (!message->err) {
    delivered++;
    return;
  }
  failed++;
  std::cerr << "not delivered: " << rd_kafka_err2str(message->err) << std::endl;
}

void produce(rd_kafka_t* client, const char* topic, const weft::app::RecordLine& record) {
  const auto data = [](const auto& text) { return text ? const_cast<char*>(text->data()) : nullptr; };
  const auto size = [](const auto& text) { return text ? text->size() : 0; };
  for (;;) {
    rd_kafka_headers_t* const headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers)
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), data(value),
                          static_cast<ssize_t>(size(value)));
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(record.partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(record.timestamp),
        RD_KAFKA_V_KEY(data(record.key), size(record.key)), RD_KAFKA_V_VALUE(data(record.value), size(record.value)),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (!error) break;
    rd_kafka_headers_destroy(headers);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) give_up(rd_kafka_err2str(error));
    rd_kafka_poll(client, 10);
  }
  rd_kafka_poll(client, 0);
}

void must(rd_kafka_error_t* error) {
  if (error) give_up(rd_kafka_error_string(error));
}

void flush(rd_kafka_t* client) {
  if (rd_kafka_flush(client, limit_ms)) give_up("cannot flush");
  std::cout << delivered << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) give_up("kafka_producer TOPIC NAME=VALUE…");
  rd_kafka_conf_t* const settings = weft::app::configuration(std::span(argv + 2, argv + argc));
  rd_kafka_conf_set_dr_msg_cb(settings, on_delivery);
  std::cin.peek();  // nothing is connected before there is work
  const weft::app::Client client = weft::app::make_client(RD_KAFKA_PRODUCER, settings);
  bool transactions = false;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "flush") {
      flush(client.get());
    } else if (line == "begin") {
      if (!transactions) must(rd_kafka_init_transactions(client.get(), limit_ms));
      transactions = true;
      must(rd_kafka_begin_transaction(client.get()));
    } else if (line == "commit") {
      must(rd_kafka_commit_transaction(client.get(), limit_ms));
    } else if (line == "abort") {
      must(rd_kafka_abort_transaction(client.get(), limit_ms));
    } else {
      produce(client.get(), argv[1], weft::app::read_record(line));
    }
  }
  flush(client.get());
  return failed ? 1 : 0;
}
