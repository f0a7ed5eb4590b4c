// SPDX-License-Identifier: Apache-2.0
// bench_kafka SERVERS TOPIC: one run for each line of input, with a client of its own:
//
//   produce RATE SECONDS    records of 100 bytes, so many a second (0: as fast as they go), at most 1,000 in a batch
//   consume SECONDS         as fast as they come, from the beginning, and again from there at the end
//
// Prints of each "RECORDS SECONDS CPU-SECONDS", of this process.
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <sstream>
#include <string>

#include "e2e/apps/kafka/client.h"

namespace {

using weft::app::Client;
using weft::app::give_up;

constexpr int partitions = 4, limit_ms = 30'000;

double seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double cpu_seconds() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(used.ru_utime) + of(used.ru_stime);
}

Client client_of(rd_kafka_type_t type, const std::string& servers) {
  std::string settings[] = {"bootstrap.servers=" + servers, "batch.num.messages=1000", "linger.ms=5",
                            "queue.buffering.max.messages=100000", "group.id=bench"};
  const std::size_t count = type == RD_KAFKA_PRODUCER ? 4 : 5;
  if (type == RD_KAFKA_CONSUMER) {
    settings[1] = "enable.partition.eof=true";
    settings[2] = "enable.auto.commit=false";
    settings[3] = "check.crcs=false";
  }
  std::vector<char*> list;
  for (std::size_t i = 0; i < count; i++) list.push_back(settings[i].data());
  return weft::app::make_client(type, weft::app::configuration(list));
}

long produce(const std::string& servers, const std::string& name, double rate, double seconds) {
  const Client client = client_of(RD_KAFKA_PRODUCER, servers);
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(client.get(), name.c_str(), nullptr);
  char value[100];
  std::fill(std::begin(value), std::end(value), 'v');
  const double begin = seconds_now();
  long sent = 0;
  for (double past = 0; past < seconds; past = seconds_now() - begin) {
    const long due = rate > 0 ? static_cast<long>(past * rate) : sent + 100;
    for (; sent < due; sent++)
      while (rd_kafka_produce(topic, static_cast<int>(sent % partitions), RD_KAFKA_MSG_F_COPY, value, sizeof value,
                              nullptr, 0, nullptr))
        rd_kafka_poll(client.get(), 5);
    rd_kafka_poll(client.get(), rate > 0 ? 1 : 0);
  }
  if (rd_kafka_flush(client.get(), limit_ms)) give_up("cannot flush");
  rd_kafka_topic_destroy(topic);
  return sent;
}

void to_the_beginning(rd_kafka_t* client, const std::string& topic) {
  const weft::app::Partitions list(rd_kafka_topic_partition_list_new(partitions));
  for (int i = 0; i < partitions; i++)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  if (rd_kafka_assign(client, list.get())) give_up("cannot assign");
}

long consume(const std::string& servers, const std::string& topic, double seconds) {
  const Client client = client_of(RD_KAFKA_CONSUMER, servers);
  rd_kafka_poll_set_consumer(client.get());
  const double end = seconds_now() + seconds;
  long records = 0;
  while (seconds_now() < end) {
    to_the_beginning(client.get(), topic);
    for (int ended = 0; ended < partitions && seconds_now() < end;) {
      const weft::app::Message message(rd_kafka_consumer_poll(client.get(), 1000));
      if (!message) continue;
      ended += message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
      records += !message->err;
    }
  }
  rd_kafka_consumer_close(client.get());
  return records;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("bench_kafka SERVERS TOPIC");
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    double rate = 0, seconds = 0;
    words >> what;
    if (what == "produce") words >> rate;
    words >> seconds;
    const double begin = seconds_now(), cpu = cpu_seconds();
    const long records =
        what == "produce" ? produce(argv[1], argv[2], rate, seconds) : consume(argv[1], argv[2], seconds);
    std::printf("%ld %.6f %.6f\n", records, seconds_now() - begin, cpu_seconds() - cpu);
    std::fflush(stdout);
  }
}
