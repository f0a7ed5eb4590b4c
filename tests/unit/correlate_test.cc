// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "correlate/exchange_table.h"
#include "support/wire_events.h"

using namespace weft;
using namespace weft::testing;

namespace {

const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nCookie: secret\r\n\r\n";

struct Fixture {
  explicit Fixture(ExchangeLimits limits = {})
      : table(limits, [this](const Exchange& exchange) { done.push_back(exchange); }) {}
  void request(const request_event& fields, std::string_view text = head) { table.request({fields, text}, rules); }
  void response(const response_event& fields, std::string_view text = {}) { table.response({fields, text}, rules); }

  MaskRules rules;
  std::vector<Exchange> done;
  ExchangeTable table;
};

constexpr std::uint64_t second = 1'000'000'000;

}  // namespace

TEST_CASE("a request and its response are one exchange") {
  Fixture f;
  const request_event request = server_request(7, 1000);
  f.request(request);
  CHECK(f.done.empty());
  CHECK(f.table.open() == 1);
  f.response(response_to(request, 2000, 503));
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].request.exchange_id == 7);
  CHECK(f.done[0].response.status == 503);
  CHECK(f.done[0].response.header.time_ns == 2000);
  CHECK(f.table.open() == 0);
  CHECK(f.table.counters().completed == 1);
}

TEST_CASE("what waits for its response, the oldest first, as long as it is asked for") {
  Fixture f;
  for (const std::uint64_t id : {5, 3, 9}) f.request(server_request(id, 1000 + id));
  f.response(response_to(server_request(8, 1), 2));  // its request is still to come
  f.response(response_to(server_request(3, 1003), 2000));
  const auto open = [&](std::size_t most) {
    std::vector<std::uint64_t> ids;
    f.table.each_open([&](const Exchange& exchange) {
      CHECK_FALSE(exchange.is_over());
      CHECK(exchange.request_head == "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      ids.push_back(exchange.request.exchange_id);
      return ids.size() < most;
    });
    return ids;
  };
  CHECK(open(10) == std::vector<std::uint64_t>{5, 9});
  CHECK(open(1) == std::vector<std::uint64_t>{5});
  CHECK(f.done.at(0).is_over());
}

TEST_CASE("nothing is stored unmasked") {
  Fixture f;
  const request_event request = server_request(7, 1000);
  f.request(request, "GET /?token=secret HTTP/1.1\r\nHost: h\r\nCookie: secret\r\n\r\n");
  f.response(response_to(request, 2000), "HTTP/1.1 200 OK\r\nSet-Cookie: secret\r\n\r\n");
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].request_head == "GET /?token=REDACTED HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(f.done[0].response_head.find("secret") == std::string::npos);
}

TEST_CASE("the response may come first") {
  Fixture f;
  const request_event request = server_request(7, 1000);
  f.response(response_to(request, 2000));
  CHECK(f.done.empty());
  f.request(request);
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].response.header.time_ns == 2000);
  CHECK(f.table.open() == 0);
}

TEST_CASE("a second event with the same id is dropped and counted") {
  Fixture f;
  const request_event request = server_request(7, 1000);
  f.request(request);
  f.request(server_request(7, 1500));
  f.response(response_to(request, 2000));
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].request.header.time_ns == 1000);
  CHECK(f.table.counters().duplicates == 1);
}

TEST_CASE("bounded in entries: the oldest ends as lost") {
  Fixture f({.entries = 3});
  for (std::uint64_t id = 1; id <= 4; id++) f.request(server_request(id, id * 1000));
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].request.exchange_id == 1);
  CHECK(f.done[0].response.end == END_LOST);
  CHECK(f.table.open() == 3);
  CHECK(f.table.counters().evicted == 1);
  // A late response of an evicted exchange makes no second span.
  f.response(response_to(server_request(1, 1000), 9000));
  CHECK(f.done.size() == 2);  // made room for: exchange 2
  CHECK(f.done[1].request.exchange_id == 2);
}

TEST_CASE("bounded in bytes of text") {
  Fixture f({.text_bytes = 10'000});
  const std::string big = "GET /" + std::string(4000, 'a') + " HTTP/1.1\r\n\r\n";
  for (std::uint64_t id = 1; id <= 10; id++) f.request(server_request(id, id * 1000), big);
  CHECK(f.table.open() <= 4);
  CHECK(f.table.counters().evicted >= 6);
}

TEST_CASE("what is open too long ends as a time-out") {
  Fixture f({.open_ns = 100 * second});
  f.request(server_request(1, 1 * second));
  f.request(server_request(2, 50 * second));
  f.table.sweep(100 * second);
  CHECK(f.done.empty());
  f.table.sweep(101 * second);
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].request.exchange_id == 1);
  CHECK(f.done[0].response.end == END_TIMEOUT);
  CHECK(f.done[0].response.header.time_ns == 101 * second);
  CHECK(f.table.counters().timed_out == 1);
}

TEST_CASE("a response whose request never comes is dropped") {
  Fixture f;
  f.request(server_request(1, 1 * second));  // an older one in front of it
  f.response(response_to(server_request(2, 0), 2 * second));
  f.table.sweep(8 * second);
  CHECK(f.done.empty());
  CHECK(f.table.open() == 1);
  CHECK(f.table.counters().lone_responses == 1);
}

TEST_CASE("the end of a process ends what it had open, after a grace") {
  Fixture f;
  f.request(server_request(1, 1 * second, 100));
  f.request(server_request(2, 1 * second, 200));
  f.request(server_request(3, 1 * second, 100));
  f.table.process_exit(100, 2 * second);
  f.request(server_request(4, 3 * second, 100));                                // the id of the process is used again
  f.response(response_to(server_request(3, 1 * second, 100), 2 * second + 5));  // the kernel's own end came in time
  f.table.sweep(2 * second + 500);
  CHECK(f.done.size() == 1);
  f.table.sweep(4 * second);
  REQUIRE(f.done.size() == 2);
  CHECK(f.done[1].request.exchange_id == 1);
  CHECK(f.done[1].response.end == END_EXIT);
  CHECK(f.done[1].response.header.time_ns == 2 * second);
  CHECK(f.table.open() == 2);
  CHECK(f.table.counters().ended_by_exit == 1);
}

TEST_CASE("flush ends everything as lost and forgets lone responses") {
  Fixture f;
  f.request(server_request(1, 1000));
  f.response(response_to(server_request(2, 0), 2000));
  f.table.flush(5000);
  REQUIRE(f.done.size() == 1);
  CHECK(f.done[0].response.end == END_LOST);
  CHECK(f.done[0].response.header.time_ns == 5000);
  CHECK(f.table.open() == 0);
}

TEST_CASE("a client exchange takes the context of its open server exchange along") {
  Fixture f;
  const request_event server = server_request(1, 1000), client = client_request(2, 1, 1500);
  f.request(server, "GET / HTTP/1.1\r\ntracestate: a=1\r\nHost: h\r\nbaggage: k=v\r\n\r\n");
  f.request(client);
  f.response(response_to(server, 1600));  // the parent may be gone when the call returns
  f.response(response_to(client, 2000));
  REQUIRE(f.done.size() == 2);
  CHECK(f.done[1].parent_context == "tracestate: a=1\r\nbaggage: k=\r\n");
  CHECK(f.done[0].parent_context.empty());

  f.request(server_request(3, 3000));
  f.request(client_request(4, 3, 3100));
  f.response(response_to(client_request(4, 3, 3100), 3200));
  CHECK(f.done[2].parent_context.empty());
}

TEST_CASE("many open exchanges in random order: each ends once, as itself") {
  Fixture f;
  std::mt19937_64 random(42);
  std::vector<request_event> events;
  for (std::uint64_t i = 0; i < 20'000; i++) events.push_back(server_request((i << 8 | i % 4) + 1, i));
  std::vector<std::pair<std::size_t, bool>> order;
  for (std::size_t i = 0; i < events.size(); i++) order.insert(order.end(), {{i, true}, {i, false}});
  std::shuffle(order.begin(), order.end(), random);
  for (const auto& [i, is_request] : order) {
    if (is_request)
      f.request(events[i], "GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n");
    else
      f.response(response_to(events[i], i + 7));
  }
  CHECK(f.table.open() == 0);
  REQUIRE(f.done.size() == events.size());
  std::set<std::uint64_t> ids;
  for (const Exchange& exchange : f.done) {
    ids.insert(exchange.request.exchange_id);
    CHECK(exchange.response.exchange_id == exchange.request.exchange_id);
    CHECK(exchange.response.header.time_ns == exchange.request.header.time_ns + 7);
    CHECK(exchange.request_head == "GET /" + std::to_string(exchange.request.header.time_ns) + " HTTP/1.1\r\n\r\n");
  }
  CHECK(ids.size() == events.size());
}
