// SPDX-License-Identifier: Apache-2.0
// The control API through a real Unix socket.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "unit/control_fake_agent.h"

using namespace weft;
using nlohmann::json;

namespace {

httplib::Client client_of(const FakeDaemon& daemon) {
  httplib::Client client(daemon.socket);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(60);
  return client;
}

struct Answer {
  int status;
  json body;
};

Answer get(const FakeDaemon& daemon, const std::string& path) {
  auto result = client_of(daemon).Get(path);
  REQUIRE_MESSAGE(result, path);
  CHECK(result->get_header_value("Content-Type") == "application/json");
  return {result->status, json::parse(result->body)};
}

std::vector<json> lines(const std::string& text) {
  std::vector<json> objects;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) objects.push_back(json::parse(line));
  return objects;
}

// A stream that stays open, read by a thread of its own until close().
class OpenStream {
 public:
  OpenStream(const FakeDaemon& daemon, const std::string& path) : client_(daemon.socket) {
    client_.set_address_family(AF_UNIX);
    client_.set_read_timeout(60);
    thread_ = std::thread([this, path] {
      client_.Get(
          path,
          [this](const httplib::Response& response) {
            std::lock_guard lock(mutex_);
            status_ = response.status;
            changed_.notify_all();
            return true;
          },
          [this](const char* data, std::size_t size) {
            std::lock_guard lock(mutex_);
            text_.append(data, size);
            changed_.notify_all();
            return true;
          });
      std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    });
  }
  ~OpenStream() { close(); }
  void close() {
    client_.stop();
    if (thread_.joinable()) thread_.join();
  }
  int status() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return status_ != 0 || ended_; });
    return status_;
  }
  // Waits until `text` has arrived (or the stream is over).
  std::string wait_for(const std::string& text) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return text_.find(text) != std::string::npos || ended_; });
    return text_;
  }
  void wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
  }

 private:
  httplib::Client client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  int status_ = 0;
  bool ended_ = false;
  std::thread thread_;
};

template <class Condition>
void eventually(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("api: the socket is the owner's alone, and goes with the server") {
  FakeDaemon daemon;
  REQUIRE(daemon.server);
  struct stat facts{};
  REQUIRE(stat(daemon.socket.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(daemon.folder), {}) == 1);  // nothing else is left there
  daemon.server.reset();
  CHECK_FALSE(std::filesystem::exists(daemon.socket));
}

TEST_CASE("api: status, processes, routes") {
  FakeDaemon daemon;
  daemon.add_spans();
  const json status = get(daemon, "/v1/status").body;
  CHECK(status["version"] == "0.1.0");
  CHECK(status["uptime_seconds"] == 90.0);
  CHECK(status["healthy"] == true);
  CHECK(status["kernel"]["mechanisms"][0]["state"] == "works");
  CHECK(status["processes"]["traced"] == 2);
  CHECK(status["losses"]["ring_full"] == 3);
  CHECK(status["exporters"][0]["spans"]["dropped_queue_full"] == 10);
  CHECK(status["store"]["traces"] == 2);
  CHECK(status["store"]["spans"] == 3);

  const json processes = get(daemon, "/v1/processes").body["processes"];
  REQUIRE(processes.size() == 3);
  CHECK(processes[0]["pid"] == 100);
  CHECK(processes[0]["task"]["rule"] == "thread");
  CHECK(processes[0]["protocols"] == json{"http", "kafka"});
  CHECK(processes[0]["calls"] == json{{"with_parent", 9},
                                      {"roots", 1},
                                      {"own_context", 2},
                                      {"without_parent", {{"compressed", 7}, {"no_task", 4}}}});
  CHECK(processes[1]["calls"]["without_parent"] == json::object());
  CHECK(processes[1]["reason"] == "no entry matches");
  CHECK(processes[2]["service"] == "odd\x1b[31m\xef\xbf\xbd");

  const json routes = get(daemon, "/v1/routes").body;
  CHECK(routes["window_seconds"] == 60);
  REQUIRE(routes["routes"].size() == 2);
  CHECK(routes["routes"][0]["service"] == "back");
  CHECK(routes["routes"][0]["errors"] == 1);
  CHECK(routes["routes"][1]["route"] == "/orders/{id}");
}

TEST_CASE("api: spans are one object a line, filtered and limited") {
  FakeDaemon daemon;
  daemon.add_spans();
  const auto spans = [&](const std::string& query) {
    auto result = client_of(daemon).Get("/v1/spans" + query);
    REQUIRE(result);
    REQUIRE(result->status == 200);
    CHECK(result->get_header_value("Content-Type") == "application/x-ndjson");
    return lines(result->body);
  };
  CHECK(spans("").size() == 3);
  CHECK(spans("")[0]["name"] == "GET /stock");
  CHECK(spans("")[0]["parent_span_id"] == "0000000000000001");
  CHECK(spans("")[0]["status"]["code"] == "ERROR");
  CHECK(spans("?limit=1").at(0)["resource"]["service.name"] == "web");
  CHECK(spans("?service=orders").at(0)["kind"] == "SERVER");
  CHECK(spans("?kind=client").size() == 1);
  CHECK(spans("?error=1").size() == 1);
  CHECK(spans("?error=false").size() == 3);
  CHECK(spans("?trace_id=00000000000000000000000000000001").size() == 2);
  CHECK(spans("?service=none").empty());
}

TEST_CASE("api: traces and one trace") {
  FakeDaemon daemon;
  daemon.add_spans();
  const auto traces = [&](const std::string& query) { return get(daemon, "/v1/traces" + query).body["traces"]; };
  CHECK(traces("").size() == 2);
  CHECK(traces("")[1]["name"] == "GET /orders/{id}");
  CHECK(traces("")[1]["services"] == json{"back", "orders"});
  CHECK(traces("")[1]["duration_nano"] == 100'000'000);
  CHECK(traces("?service=web").size() == 1);
  CHECK(traces("?min_duration_nano=50000000").size() == 1);
  CHECK(traces("?error=1").size() == 1);
  CHECK(traces("?limit=1").size() == 1);
  const auto one = get(daemon, "/v1/traces/00000000000000000000000000000001");
  CHECK(one.status == 200);
  REQUIRE(one.body["spans"].size() == 3);
  CHECK(one.body["spans"][0]["name"] == "GET /orders/{id}");
  CHECK(one.body["spans"][2]["name"] == "shop.Stock/Watch");
  CHECK(one.body["spans"][2]["open"]["response_messages"] == 250);
  CHECK_FALSE(one.body["spans"][0].contains("open"));
}

TEST_CASE("api: a trace of which all is open, one that ended while it was asked for, and an agent that is busy") {
  FakeDaemon daemon;
  const auto trace = [&](int id) { return get(daemon, fmt::format("/v1/traces/{:032}", id)); };
  CHECK(trace(1).body["spans"].size() == 1);
  CHECK(trace(2).status == 404);
  daemon.store.offer(make_span({.trace = 1, .span = 9, .parent = 1, .service = "orders", .name = "over"}));
  CHECK(trace(1).body["spans"].size() == 1);
  CHECK(trace(1).body["spans"][0]["name"] == "over");
  CHECK_FALSE(trace(1).body.contains("open_unknown"));
  daemon.agent.tell([](auto& told) { told.busy = true; });
  CHECK(trace(1).status == 200);
  CHECK(trace(1).body["spans"].size() == 1);
  CHECK(trace(1).body["open_unknown"] == "too busy");
  CHECK(trace(3).status == 503);
}

TEST_CASE("api: errors are JSON with a status that says whose fault it is") {
  FakeDaemon daemon;
  struct Case {
    const char* path;
    int status;
    const char* message;
  };
  for (const Case& c : {
           Case{"/v1/traces/00000000000000000000000000000009", 404,
                "no trace 00000000000000000000000000000009 among the recent ones"},
           Case{"/v1/traces/xyz", 400, "'xyz' is no trace id (32 hex digits)"},
           Case{"/v1/spans?limit=many", 400, "limit: 'many' is not valid"},
           Case{"/v1/spans?limit=999999", 400, "limit: '999999' is not valid"},
           Case{"/v1/spans?kind=boss", 400, "kind: 'boss' is not valid"},
           Case{"/v1/spans?trace_id=1", 400, "trace_id: '1' is not valid"},
           Case{"/v1/spans?open=1&limit=1001", 400, "limit: '1001' is not valid"},
           Case{"/v1/spans?open=1&follow=1", 400, "open: '1' is not valid"},
           Case{"/v1/spans?open=1&error=1", 400, "open: '1' is not valid"},
           Case{"/v1/spans?follow=perhaps", 400, "follow: 'perhaps' is not valid"},
           Case{"/v1/policy", 501, "this agent has no policy"},
           Case{"/v1/nothing", 404, "no such resource: /v1/nothing"},
       }) {
    const auto answer = get(daemon, c.path);
    CAPTURE(c.path);
    CHECK(answer.status == c.status);
    CHECK(answer.body == json{{"error", c.message}});
  }
  const auto put = client_of(daemon).Put("/v1/policy", "rules: []", "application/yaml");
  REQUIRE(put);
  CHECK(put->status == 501);
}

TEST_CASE("api: attach and detach") {
  FakeDaemon daemon;
  const auto post = [&](const std::string& path) {
    auto result = client_of(daemon).Post(path);
    REQUIRE(result);
    return std::pair(result->status, result->body);
  };
  CHECK(post("/v1/processes/7/attach") == std::pair(200, std::string(R"({"pid":7,"done":"attach"})")));
  CHECK(post("/v1/processes/7/detach").first == 200);
  CHECK(daemon.agent.was_told().actions == std::vector<std::string>{"attach 7", "detach 7"});
  CHECK(post("/v1/processes/404/attach") == std::pair(409, std::string(R"({"error":"no process 404"})")));
  CHECK(post("/v1/processes/x/attach").first == 404);
  CHECK(post("/v1/processes/99999999999/attach").first == 404);
}

TEST_CASE("api: followers see what was and what comes, and go when they hang up") {
  FakeDaemon daemon;
  daemon.add_spans();
  OpenStream stream(daemon, "/v1/spans?follow=1&limit=1&service=web");
  stream.wait_for("\"web\"");
  daemon.store.offer(make_span({.trace = 5, .service = "orders", .name = "hidden"}));
  daemon.store.offer(make_span({.trace = 6, .service = "web", .name = "live"}));
  const auto seen = lines(stream.wait_for("live"));
  REQUIRE(seen.size() == 2);
  CHECK(seen[0]["name"] == "GET");
  CHECK(seen[1]["name"] == "live");
  stream.close();
}

TEST_CASE("api: more followers than places are refused, short requests still served") {
  FakeDaemon daemon({.max_workers = 4, .max_followers = 2});
  daemon.add_spans();
  OpenStream one(daemon, "/v1/spans?follow=1&limit=5");
  OpenStream two(daemon, "/v1/spans?follow=1&limit=5");
  one.wait_for("GET");
  two.wait_for("GET");
  CHECK(get(daemon, "/v1/spans?follow=1").status == 503);
  CHECK(get(daemon, "/v1/events").status == 503);
  CHECK(get(daemon, "/v1/status").status == 200);
  one.close();
  // The place comes back when the server notices; until then the answer stays 503.
  eventually([&] {
    OpenStream again(daemon, "/v1/spans?follow=1&limit=5");
    return again.status() == 200;
  });
}

TEST_CASE("api: events are the pieces of a recording, and end with the subscription") {
  FakeDaemon daemon;
  OpenStream stream(daemon, "/v1/events");
  stream.wait_for("HEADER");
  daemon.agent.emit("one");
  daemon.agent.emit("two");
  CHECK(stream.wait_for("two") == "HEADERonetwo");
  CHECK(daemon.server->events_lost() == 0);
  stream.close();
  eventually([&] { return daemon.agent.recorders() == 0; });
}

TEST_CASE("api: a recorder that cannot keep up loses, counted; memory stays bounded") {
  FakeDaemon daemon({.follower_event_bytes = 10});
  OpenStream stream(daemon, "/v1/events");
  stream.wait_for("HEADER");
  daemon.agent.emit("12345678901234567890");  // no room for it at any time
  CHECK(daemon.server->events_lost() == 1);
  daemon.agent.emit(
      "\x01\x80"
      "5678901234");  // a record of the recording itself: twice the room
  stream.wait_for("5678901234");
  CHECK(daemon.server->events_lost() == 1);
}

TEST_CASE("api: the server ends while streams are open and a client says nothing") {
  FakeDaemon daemon;
  OpenStream spans(daemon, "/v1/spans?follow=1");
  OpenStream events(daemon, "/v1/events");
  events.wait_for("HEADER");
  const int silent = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  daemon.socket.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(connect(silent, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  daemon.server.reset();
  spans.wait_for_end();
  events.wait_for_end();
  CHECK(daemon.agent.recorders() == 0);
  close(silent);
}

TEST_CASE("api: sampling is shown and set") {
  FakeDaemon daemon;
  const json shown = get(daemon, "/v1/sampling").body;
  CHECK(shown["sampler"] == "parentbased_traceidratio");
  CHECK(shown["ratio"] == 0.1);
  CHECK(shown["services"][0]["rules"][0] ==
        json{{"method", "GET"}, {"path", "/health*"}, {"ratio", 0.0}, {"source", "rule 1"}});
  CHECK(shown["services"][0]["max_per_second"] == 3);
  CHECK(shown["keep"]["status"] == json{"404", "500-599"});
  CHECK(shown["keep"]["kept_traces"] == json{{"error", 7}});
  CHECK(shown["jaeger_remote"]["last_error"] == "status 500");
  const auto put = [&](const char* body) { return client_of(daemon).Put("/v1/sampling", body, "application/json"); };
  CHECK(json::parse(put(R"({"ratio": 0.25})")->body)["ratio"] == 0.25);
  CHECK(json::parse(put(R"({"ratio": null, "service": "orders"})")->body)["source"] == "sampling.arg");
  CHECK(daemon.agent.was_told().actions == std::vector<std::string>{"sampling ", "sampling orders"});
  for (const char* bad :
       {"", "1", "[]", "{}", R"({"ratio": "1"})", R"({"ratio": 1.5})", R"({"ratio": -0.1})",
        R"({"ratio": 1, "service": 7})", R"({"ratio": 1, "servcie": "x"})", R"({"ratio": 1, "service": "nobody"})"}) {
    const auto refused = put(bad);
    CAPTURE(bad);
    CHECK(refused->status == 400);
    CHECK(json::parse(refused->body)["error"].get<std::string>() != "");
  }
  CHECK(daemon.agent.was_told().actions.size() == 2);
}
