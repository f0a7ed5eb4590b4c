// SPDX-License-Identifier: Apache-2.0
// Routes, tracestate, UTF-8, addresses, the wall clock.
#include <doctest/doctest.h>

#include <string>

#include "assemble/route.h"
#include "assemble/trace_state.h"
#include "assemble/wall_clock.h"
#include "base/address.h"

using namespace weft;

namespace {

std::string heuristic(std::string_view path) {
  std::string out;
  append_heuristic_route(path, out);
  return out;
}

}  // namespace

TEST_CASE("route: ids become {id}, dates {date}") {
  const std::pair<const char*, const char*> cases[] = {
      {"/users/123", "/users/{id}"},
      {"/users/123/orders/9", "/users/{id}/orders/{id}"},
      {"/0", "/{id}"},
      {"/o/0af76519-16cd-43dd-8448-eb211c80319c", "/o/{id}"},
      {"/o/0af7651916cd43dd8448eb211c80319c", "/o/{id}"},
      {"/commit/deadbeef1", "/commit/{id}"},
      {"/t/eyJhbGciOiJIUzI1NiJ9x7", "/t/{id}"},
      {"/orders/order-1234", "/orders/{id}"},
      {"/orders/usr_0042", "/orders/{id}"},
      {"/u/ann@example.org", "/u/{id}"},
      {"/d/2024-05-01", "/d/{date}"},
      {"/d/2024-05-01T10:00:00Z", "/d/{date}"},
      {"/users/123.json", "/users/{id}.json"},
      {"/users/123;v=1", "/users/{id}"},
  };
  for (const auto& [path, route] : cases) CHECK_MESSAGE(heuristic(path) == route, path);
}

TEST_CASE("route: words, versions and file names stay") {
  for (const char* path : {"/", "/users", "/users/", "/api/v1/orders", "/v2", "/index.html", "/static/app.js",
                           "/oauth2/token", "/a-b_c", "/cafe", "/deadbeef", "/robots.txt", "//x", "*", "/md5", "/h264"})
    CHECK_MESSAGE(heuristic(path) == path, path);
  CHECK(heuristic("") == "/");
}

TEST_CASE("route: depth is bounded") {
  std::string deep;
  for (int i = 0; i < 40; i++) deep += "/a";
  CHECK(heuristic(deep).size() < 40);
  CHECK(heuristic(deep).ends_with("/*"));
}

TEST_CASE("route: patterns") {
  CHECK(route_pattern_matches("/users/{id}", "/users/ann"));
  CHECK_FALSE(route_pattern_matches("/users/{id}", "/users/"));
  CHECK_FALSE(route_pattern_matches("/users/{id}", "/users/ann/x"));
  CHECK_FALSE(route_pattern_matches("/users/{id}", "/users"));
  CHECK(route_pattern_matches("/a/*/c", "/a/b/c"));
  CHECK(route_pattern_matches("/static/**", "/static/a/b"));
  CHECK(route_pattern_matches("/static/**", "/static"));
  CHECK_FALSE(route_pattern_matches("/static/**", "/statics"));
  CHECK(route_pattern_matches("/", "/"));
  CHECK_FALSE(route_pattern_matches("users", "/users"));
}

TEST_CASE("route: configured patterns come first, then what unmatched says") {
  Routes routes({.patterns = {"/p/{name}/edit", "/p/**"}});
  CHECK(routes.route("s", "/p/ann/edit", Routes::Unknown::learn) == "/p/{name}/edit");
  CHECK(routes.route("s", "/p/ann/view", Routes::Unknown::learn) == "/p/**");
  CHECK(routes.route("s", "/q/1", Routes::Unknown::learn) == "/q/{id}");
  Routes paths({.unmatched = RouteOptions::Unmatched::path});
  CHECK(paths.route("s", "/q/1", Routes::Unknown::learn) == "/q/1");
  Routes wildcard({.patterns = {"/p"}, .unmatched = RouteOptions::Unmatched::wildcard});
  CHECK(wildcard.route("s", "/q/1", Routes::Unknown::learn) == "/*");
  CHECK(wildcard.route("s", "/p", Routes::Unknown::learn) == "/p");
}

TEST_CASE("route: cardinality is bounded per service, known ones go on") {
  Routes routes({.routes_per_service = 2, .services = 2});
  CHECK(routes.route("a", "/one", Routes::Unknown::learn) == "/one");
  CHECK(routes.route("a", "/two", Routes::Unknown::learn) == "/two");
  CHECK(routes.route("a", "/three", Routes::Unknown::learn) == "/*");
  CHECK(routes.route("a", "/one", Routes::Unknown::learn) == "/one");
  CHECK(routes.route("b", "/three", Routes::Unknown::learn) == "/three");
  CHECK(routes.route("c", "/three", Routes::Unknown::learn) == "/*");
  CHECK(routes.overflows() == 2);
}

TEST_CASE("route: a path that leads nowhere uses up nothing") {
  Routes routes({});
  CHECK(routes.route("a", "/users/1", Routes::Unknown::leave_out).empty());
  CHECK(routes.route("a", "/users/1", Routes::Unknown::learn) == "/users/{id}");
  CHECK(routes.route("a", "/users/2", Routes::Unknown::leave_out) == "/users/{id}");
}

TEST_CASE("route: one that is told is not learned") {
  Routes routes({.routes_per_service = 1, .services = 1});
  for (int i = 0; i < 3; i++) CHECK(routes.route("a", "/users/1", Routes::Unknown::tell) == "/users/{id}");
  CHECK(routes.route("b", "/one", Routes::Unknown::learn) == "/one");  // it is the first service
  CHECK(routes.route("b", "/one", Routes::Unknown::tell) == "/one");
  CHECK(routes.route("b", "/two", Routes::Unknown::tell) == "/*");
  CHECK(routes.route("a", "/users/1", Routes::Unknown::tell) == "/*");
  CHECK(routes.overflows() == 0);
}

TEST_CASE("tracestate: valid lists, joined and limited to whole members") {
  CHECK(clean_trace_state("a=1, b=2 ,,c=x y") == "a=1,b=2,c=x y");
  CHECK(clean_trace_state("tenant@vendor=1,0start=2") == "tenant@vendor=1,0start=2");
  const std::string long_member = "long=" + std::string(200, 'x'), short_member = "s=" + std::string(100, 'y');
  std::string list = long_member;
  for (char c = 'a'; c < 'e'; c++) list += "," + std::string(1, c) + short_member;
  const std::string cleaned = clean_trace_state(list);
  CHECK(cleaned.size() <= 512);
  CHECK(cleaned.find("long=") == std::string::npos);  // the long one goes first
  CHECK(cleaned.find("ds=") != std::string::npos);
}

TEST_CASE("tracestate: the member ot that weft writes stands leftmost and takes the place of another") {
  CHECK(clean_trace_state("a=1,ot=th:8;rv:12,b=2", "ot=th:c") == "ot=th:c,a=1,b=2");
  CHECK(clean_trace_state("a=1,ot=th:8", "") == "a=1");
  CHECK(clean_trace_state("ot=th:8", "").empty());
  CHECK(clean_trace_state("", "ot=th:0") == "ot=th:0");
  CHECK(clean_trace_state("a=1,a=2", "ot=th:0") == "ot=th:0");
  std::string many = "k0=1";
  for (int i = 1; i < 32; i++) many += ",k" + std::to_string(i) + "=1";
  CHECK(clean_trace_state(many, "ot=th:0") == "ot=th:0," + many.substr(0, many.rfind(',')));
  CHECK(threshold_member(0xc0000000) == "ot=th:c");
}

TEST_CASE("tracestate: one bad member and all of it goes") {
  for (const char* list : {"a=1,a=2", "A=1", "a", "a=", "=1", "a=b=c", "a b=1", "a@=1", "a=1,b=\x01"})
    CHECK_MESSAGE(clean_trace_state(list).empty(), list);
  std::string many;
  for (int i = 0; i < 33; i++) many += "k" + std::to_string(i) + "=1,";
  CHECK(clean_trace_state(many).empty());
}

TEST_CASE("addresses") {
  const unsigned char v4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 168, 0, 255};
  CHECK(address_text(v4) == "192.168.0.255");
  const unsigned char loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  CHECK(address_text(loopback) == "::1");
}

TEST_CASE("wall clock: one offset; noise is ignored, a step is taken, a jump is counted") {
  ManualClock clock;
  clock.monotonic = 5'000'000'000;
  clock.unix_time = 1'700'000'005'000'000'000;
  WallClock wall(clock);
  CHECK(wall.to_unix_ns(6'000'000'000) == 1'700'000'006'000'000'000);

  clock.unix_time += WallClock::tolerance_ns;
  CHECK_FALSE(wall.recheck());
  CHECK(wall.to_unix_ns(6'000'000'000) == 1'700'000'006'000'000'000);

  clock.unix_time -= 2 * WallClock::tolerance_ns + 1;  // backwards
  CHECK(wall.recheck());
  CHECK(wall.jumps() == 0);
  CHECK(wall.to_unix_ns(6'000'000'000) == 1'700'000'006'000'000'000 - WallClock::tolerance_ns - 1);

  clock.unix_time += 3'600'000'000'000;
  CHECK(wall.recheck());
  CHECK(wall.jumps() == 1);
  clock.unix_time -= 7'200'000'000'000;
  CHECK(wall.recheck());
  CHECK(wall.jumps() == 2);
}

TEST_CASE("wall clock: the reading that was interrupted least is taken") {
  class Interrupted final : public Clock {
   public:
    std::uint64_t monotonic_ns() const override {
      // Gaps of the three attempts: 9000, 10, 5000.
      static constexpr std::uint64_t readings[] = {0, 9000, 10'000, 10'010, 20'000, 25'000};
      now_ = readings[count_++ % 6];
      return now_;
    }
    std::uint64_t unix_ns() const override { return 1'000'000 + now_ + (now_ == 10'000 ? 5 : 4000); }
    mutable std::uint64_t now_ = 0;
    mutable int count_ = 0;
  } clock;
  CHECK(WallClock(clock).to_unix_ns(0) == 1'000'000);
}
