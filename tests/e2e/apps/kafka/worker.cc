// SPDX-License-Identifier: Apache-2.0
// kafka_worker WAY PARTITIONS SINK OUT TOPIC[,TOPIC…] NAME=VALUE…: takes records and, for each, asks the HTTP server at
// port SINK on this machine for /work?id=ID&thread=NUMBER, and, where OUT is not -, produces a record with value ID
// there. ID is the record's value. With these settings of librdkafka; all partitions from their beginning. Prints a
// port at which it listens, and begins when there is input.
//
// WAY: poll, consume, queue: one thread and one consumer for each partition, with rd_kafka_consumer_poll,
// rd_kafka_consume or rd_kafka_consume_queue; batch: up to fifty at a time by rd_kafka_consume_batch_queue, single: one
// at a time by it; callback: within rd_kafka_consume_callback_queue; pool: polls on one thread, and four others work;
// shared: four threads poll one consumer; serving: as poll, but each thread also serves a request between two records;
// close: as poll, and asks for /closed?id=ID once it has closed its consumer after the record "last"; waits: as poll,
// and after the record "last" it waits for a line of input, asks for /late?id=ID, and polls on.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <sstream>
#include <thread>

#include "e2e/apps/http.h"
#include "e2e/apps/kafka/client.h"

namespace {

using weft::app::Client;
using weft::app::Connection;
using weft::app::give_up;
using weft::app::Message;

constexpr int limit_ms = 500;

struct Task {
  std::string way;
  int partitions = 0;
  std::uint16_t sink = 0;
  std::string out;
  std::vector<std::string> topics;
  std::span<char*> settings;
};

// What one thread does for records.
class Worker {
 public:
  Worker(const Task& task, int number) : number_(number), connection_(weft::app::connect_to(task.sink)) {
    if (task.out == "-") return;
    producer_ = weft::app::make_client(RD_KAFKA_PRODUCER, weft::app::configuration(task.settings));
    topic_ = rd_kafka_topic_new(producer_.get(), task.out.c_str(), nullptr);
  }

  void ask(const std::string& path, const std::string& id) {
    if (!connection_.write("GET /" + path + "?id=" + id + "&thread=" + std::to_string(number_) +
                           " HTTP/1.1\r\nHost: sink\r\n\r\n") ||
        !connection_.read_message())
      give_up("the sink does not answer");
  }
  void work(const std::string& id) {
    ask("work", id);
    if (!topic_) return;
    void* const data = const_cast<char*>(id.data());
    if (rd_kafka_produce(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, data, id.size(), nullptr, 0, nullptr))
      give_up("cannot produce");
    rd_kafka_poll(producer_.get(), 0);
  }
  void work(const rd_kafka_message_t* message) {
    if (message->err || !message->payload) return;
    work(id_of(message));
  }
  static std::string id_of(const rd_kafka_message_t* message) {
    return {static_cast<const char*>(message->payload), message->len};
  }

 private:
  const int number_;
  Connection connection_;
  Client producer_;
  rd_kafka_topic_t* topic_ = nullptr;  // lives as long as the program
};

Client consumer_of(const Task& task, int first, int count) {
  Client client = weft::app::make_client(RD_KAFKA_CONSUMER, weft::app::configuration(task.settings));
  rd_kafka_poll_set_consumer(client.get());
  const weft::app::Partitions list(rd_kafka_topic_partition_list_new(1));
  for (const std::string& topic : task.topics)
    for (int i = first; i < first + count; i++)
      rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), i)->offset = 0;
  if (rd_kafka_assign(client.get(), list.get())) give_up("cannot assign");
  return client;
}

void poll(const Task& task, rd_kafka_t* client, Worker& worker, const std::function<void()>& between) {
  for (;;) {
    const Message message(rd_kafka_consumer_poll(client, limit_ms));
    if (!message || message->err) continue;
    worker.work(message.get());
    if (between) between();
    if (Worker::id_of(message.get()) != "last") continue;
    if (task.way == "close") break;
    if (task.way == "waits") {
      std::getchar();
      worker.ask("late", "last");
    }
  }
  rd_kafka_consumer_close(client);
  worker.ask("closed", "last");
}

void consume(const Task& task, int partition, Worker& worker) {
  const Client client = weft::app::make_client(RD_KAFKA_CONSUMER, weft::app::configuration(task.settings));
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(client.get(), task.topics[0].c_str(), nullptr);
  rd_kafka_queue_t* const queue = rd_kafka_queue_new(client.get());
  const bool by_topic = task.way == "consume";
  if (by_topic ? rd_kafka_consume_start(topic, partition, 0) : rd_kafka_consume_start_queue(topic, partition, 0, queue))
    give_up("cannot consume");
  for (;;) {
    const Message message(by_topic ? rd_kafka_consume(topic, partition, limit_ms)
                                   : rd_kafka_consume_queue(queue, limit_ms));
    if (message) worker.work(message.get());
  }
}

void batches(const Task& task, Worker& worker) {
  const Client client = consumer_of(task, 0, task.partitions);
  rd_kafka_queue_t* const queue = rd_kafka_queue_get_consumer(client.get());
  std::vector<rd_kafka_message_t*> messages(task.way == "single" ? 1 : 50);
  for (;;) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, limit_ms, messages.data(), messages.size());
    for (ssize_t i = 0; i < count; i++) {
      worker.work(messages[static_cast<std::size_t>(i)]);
      rd_kafka_message_destroy(messages[static_cast<std::size_t>(i)]);
    }
  }
}

void called_back(const Task& task, Worker& worker) {
  const Client client = consumer_of(task, 0, task.partitions);
  rd_kafka_queue_t* const queue = rd_kafka_queue_get_consumer(client.get());
  const auto work = [](rd_kafka_message_t* message, void* opaque) { static_cast<Worker*>(opaque)->work(message); };
  for (;;) rd_kafka_consume_callback_queue(queue, limit_ms, work, &worker);
}

void pool(const Task& task) {
  std::mutex mutex;
  std::condition_variable more;
  std::deque<std::string> waiting;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&, i] {
      Worker worker(task, i);
      for (;;) {
        std::unique_lock lock(mutex);
        more.wait(lock, [&] { return !waiting.empty(); });
        const std::string id = waiting.front();
        waiting.pop_front();
        lock.unlock();
        worker.work(id);
      }
    });
  const Client client = consumer_of(task, 0, task.partitions);
  for (;;) {
    const Message message(rd_kafka_consumer_poll(client.get(), limit_ms));
    if (!message || message->err) continue;
    const std::scoped_lock lock(mutex);
    waiting.push_back(Worker::id_of(message.get()));
    more.notify_one();
  }
}

void shared(const Task& task) {
  const Client client = consumer_of(task, 0, task.partitions);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++)
    threads.emplace_back([&, i] {
      Worker worker(task, i);
      poll(task, client.get(), worker, {});
    });
  for (auto& thread : threads) thread.join();
}

// Answers the next request, and asks the sink on its behalf.
void serve(int listener, Worker& worker) {
  Connection connection(weft::app::accept_from(listener));
  const auto request = connection.read_message();
  if (!request) return;
  worker.ask("served", request->query("id"));
  connection.answer("done");
}

void each_partition(const Task& task, int partition, int listener) {
  Worker worker(task, partition);
  if (task.way == "consume" || task.way == "queue") return consume(task, partition, worker);
  const Client client = consumer_of(task, partition, 1);
  poll(task, client.get(), worker, task.way == "serving" ? [&] {
    serve(listener, worker);
    worker.ask("after", "-");
  } : std::function<void()>{});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) give_up("kafka_worker WAY PARTITIONS SINK OUT TOPIC[,TOPIC…] NAME=VALUE…");
  Task task{.way = argv[1],
            .partitions = std::atoi(argv[2]),
            .sink = static_cast<std::uint16_t>(std::atoi(argv[3])),
            .out = argv[4],
            .topics = {},
            .settings = std::span(argv + 6, argv + argc)};
  std::istringstream topics(argv[5]);
  for (std::string topic; std::getline(topics, topic, ',');) task.topics.push_back(topic);
  std::uint16_t port = 0;
  const int listener = weft::app::listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  std::getchar();
  if (task.way == "pool") pool(task);
  if (task.way == "shared") shared(task);
  if (task.way == "batch" || task.way == "single" || task.way == "callback") {
    Worker worker(task, 0);
    task.way == "callback" ? called_back(task, worker) : batches(task, worker);
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < task.partitions; i++) threads.emplace_back(each_partition, std::cref(task), i, listener);
  for (auto& thread : threads) thread.join();
}
