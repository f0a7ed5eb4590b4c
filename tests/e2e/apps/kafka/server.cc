// SPDX-License-Identifier: Apache-2.0
// kafka_server TOPIC NAME=VALUE…: HTTP/1.1, one thread a connection. A request for /CALL?value=TEXT&id=ID produces a
// record on the thread that serves it and answers at once, with &wait=yes when it is delivered; with these settings of
// librdkafka. CALL is produce, producev, produceva, batch, or block (rd_kafka_produce that waits for room). Where
// headers can be given, "id" says whose it is; producev gives &baggage=TEXT as well.
//
// /background?value=TEXT&count=N starts a thread that produces N such records beside, a millisecond apart; /flush waits
// until all is delivered. Nothing connects before the first record.
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "e2e/apps/http.h"
#include "e2e/apps/kafka/client.h"

namespace {

using weft::app::give_up;
using weft::app::Head;

constexpr int limit_ms = 60'000;

class Producer {
 public:
  Producer(const char* topic, std::span<char*> settings)
      : client_(weft::app::make_client(RD_KAFKA_PRODUCER, weft::app::configuration(settings))),
        topic_(rd_kafka_topic_new(client_.get(), topic, nullptr)) {
    std::thread([this] {
      for (;;) rd_kafka_poll(client_.get(), 100);
    }).detach();
  }

  bool produce(std::string_view call, const std::string& value, const std::string& id, const std::string& baggage) {
    void* const data = const_cast<char*>(value.data());
    if (call == "producev" && !baggage.empty())
      return !rd_kafka_producev(client_.get(), RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_HEADER("id", id.data(), id.size()),
                                RD_KAFKA_V_HEADER("baggage", baggage.data(), baggage.size()),
                                RD_KAFKA_V_VALUE(data, value.size()), RD_KAFKA_V_END);
    if (call == "producev")
      return !rd_kafka_producev(client_.get(), RD_KAFKA_V_RKT(topic_), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_HEADER("id", id.data(), id.size()), RD_KAFKA_V_VALUE(data, value.size()),
                                RD_KAFKA_V_KEY("key", 3), RD_KAFKA_V_END);
    if (call == "produceva") return produce_array(data, value.size(), id);
    if (call == "batch") {
      rd_kafka_message_t message{};
      message.payload = data;
      message.len = value.size();
      return rd_kafka_produce_batch(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, &message, 1) == 1;
    }
    const int flags = RD_KAFKA_MSG_F_COPY | (call == "block" ? RD_KAFKA_MSG_F_BLOCK : 0);
    return !rd_kafka_produce(topic_, RD_KAFKA_PARTITION_UA, flags, data, value.size(), "key", 3, nullptr);
  }

  bool flush() { return !rd_kafka_flush(client_.get(), limit_ms); }

 private:
  bool produce_array(void* data, std::size_t size, const std::string& id) {
    rd_kafka_vu_t all[4]{};
    all[0].vtype = RD_KAFKA_VTYPE_RKT;
    all[0].u.rkt = topic_;
    all[1].vtype = RD_KAFKA_VTYPE_VALUE;
    all[1].u.mem = {data, size};
    all[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    all[2].u.i = RD_KAFKA_MSG_F_COPY;
    all[3].vtype = RD_KAFKA_VTYPE_HEADER;
    all[3].u.header = {"id", id.data(), static_cast<ssize_t>(id.size())};
    rd_kafka_error_t* const error = rd_kafka_produceva(client_.get(), all, 4);
    if (error) rd_kafka_error_destroy(error);
    return !error;
  }

  const weft::app::Client client_;
  rd_kafka_topic_t* const topic_;  // lives as long as the program
};

Producer& producer(const char* topic = nullptr, std::span<char*> settings = {}) {
  static Producer* const only = new Producer(topic, settings);
  return *only;
}

std::string_view path_of(const Head& request) {
  const std::string_view line = request.start_line();
  const std::size_t begin = line.find('/') + 1;
  return line.substr(begin, line.find_first_of("? ", begin) - begin);
}

bool handle(const Head& request, const char* topic, std::span<char*> settings) {
  const std::string_view path = path_of(request);
  Producer& kafka = producer(topic, settings);
  if (path == "flush") return kafka.flush();
  const std::string value = request.query("value");
  if (path != "background")
    return kafka.produce(path, value, request.query("id"), request.query("baggage")) &&
           (request.query("wait").empty() || kafka.flush());
  std::thread([&kafka, value, count = std::stoi(request.query("count"))] {
    for (int i = 0; i < count; i++) {
      kafka.produce("producev", value, "", "");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }).detach();
  return true;
}

void serve(int fd, const char* topic, std::span<char*> settings) {
  weft::app::Connection connection(fd);
  while (const auto request = connection.read_message())
    if (!connection.answer(handle(*request, topic, settings) ? "done" : "failed")) return;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) give_up("kafka_server TOPIC NAME=VALUE…");
  std::uint16_t port = 0;
  const int listener = weft::app::listen_anywhere(port);
  std::printf("%u\n", port);
  std::fflush(stdout);
  for (int fd; (fd = weft::app::accept_from(listener)) >= 0;)
    std::thread(serve, fd, argv[1], std::span(argv + 2, argv + argc)).detach();
}
