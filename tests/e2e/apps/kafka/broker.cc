// SPDX-License-Identifier: Apache-2.0
// kafka_broker BROKERS TOPIC:PARTITIONS…: librdkafka's brokers in memory. Prints their addresses, and obeys until the
// input ends:
//
//   error API CODE…    answers to the next requests of this kind
//   down | up          the first broker, with its connections
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "e2e/apps/kafka/client.h"

namespace {

using Cluster = std::unique_ptr<rd_kafka_mock_cluster_t, weft::app::Free<rd_kafka_mock_cluster_destroy>>;

void obey(rd_kafka_mock_cluster_t* cluster, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "down") rd_kafka_mock_broker_set_down(cluster, 1);
  if (command == "up") rd_kafka_mock_broker_set_up(cluster, 1);
  if (command == "error") {
    int api = 0;
    words >> api;
    std::vector<rd_kafka_resp_err_t> errors;
    for (int code; words >> code;) errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
    rd_kafka_mock_push_request_errors_array(cluster, static_cast<std::int16_t>(api), errors.size(), errors.data());
  }
  std::printf("done\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) weft::app::give_up("kafka_broker BROKERS TOPIC:PARTITIONS…");
  const weft::app::Client client = weft::app::make_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
  const Cluster cluster(rd_kafka_mock_cluster_new(client.get(), std::atoi(argv[1])));
  for (const std::string topic : std::span(argv + 2, argv + argc)) {
    const std::size_t colon = topic.find(':');
    const int partitions = std::atoi(topic.c_str() + colon + 1);
    if (rd_kafka_mock_topic_create(cluster.get(), topic.substr(0, colon).c_str(), partitions, 1))
      weft::app::give_up("no such topic");
  }
  std::printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster.get()));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) obey(cluster.get(), line);
}
