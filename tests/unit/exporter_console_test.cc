// SPDX-License-Identifier: Apache-2.0
// What people and tools see of spans: JSON, the waterfall, the console exporter.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "exporter/console/cells.h"
#include "exporter/console/console_exporter.h"
#include "exporter/console/span_json.h"
#include "exporter/console/trace_tree.h"
#include "exporter/console/waterfall.h"
#include "exporter/text.h"
#include "support/sample_spans.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<SpanPtr> sample_trace() {
  return {test::share(test::sample_remote_span()), test::share(test::sample_client_span()),
          test::share(test::sample_server_span())};
}

TEST_CASE("text: JSON of any bytes") {
  std::string out;
  append_json(out, std::string_view("\"\\\n\x01\x7f é\xff", 8));
  CHECK(nlohmann::json::parse(out).is_string());
}

TEST_CASE("span JSON: the exact shape") {
  const std::string expected =
      R"({"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba90202","parent_span_id":"00f067aa0ba90201",)"
      R"("trace_state":"vendor=x","flags":1,"name":"POST","kind":"CLIENT","start_unix_nano":1700000000001000000,)"
      R"("end_unix_nano":1700000000009000500,"status":{"code":"ERROR","message":""},"attributes":{)"
      R"("http.request.method":"POST","server.address":"stock.local","server.port":8081,)"
      R"("network.peer.address":"127.0.0.1","network.peer.port":8081,"http.response.status_code":503,)"
      R"("network.protocol.version":"1.1","error.type":"503"},"resource":{"service.name":"front",)"
      R"("service.namespace":"shop","host.name":"node-1","process.pid":4711},"links":[{"trace_id":)"
      R"("0af7651916cd43dd8448eb211c80319c","span_id":"00f067aa0ba90209"}],"baggage":{"tenant":"acme","env":"prod"}})";
  CHECK(span_json(test::sample_client_span()) == expected);
  CHECK(nlohmann::json::parse(span_json(test::sample_server_span()))["parent_span_id"] == "");
}

TEST_CASE("span JSON: what is written is read back") {
  Span span = test::sample_client_span();
  span.name = "quote \" back \\ line \n tab \t é \x01";
  span.status_message = "broken";
  span.attributes.set("ratio", 0.25);
  span.attributes.set("yes", true);
  span.attributes.set("minus", std::int64_t{-5});
  const std::string text = span_json(span);
  const auto back = parse_span_json(text);
  REQUIRE(back);
  CHECK(span_json(*back) == text);
  CHECK(back->name == span.name);
  CHECK(back->attributes == span.attributes);
  CHECK(back->resource->service_name == "front");
  CHECK(back->links.size() == 1);
  CHECK(back->baggage == span.baggage);
}

TEST_CASE("span JSON: hostile text makes valid JSON, a doubled baggage key stands once") {
  Span span = test::sample_server_span();
  span.name = "bad \xff\xc3 \x1b[31m";
  span.baggage = {{"k", "1"}, {"k", "2"}, {"l", "3"}};
  const auto json = nlohmann::json::parse(span_json(span), nullptr, false);
  REQUIRE(json.is_object());
  CHECK(json["baggage"] == nlohmann::json{{"k", "1"}, {"l", "3"}});
}

TEST_CASE("span JSON: what is not a span is an error") {
  for (const char* bad : {"", "[]", "{", "{}", "null", R"({"trace_id":"00","span_id":"00f067aa0ba90201"})",
                          R"({"trace_id":"00000000000000000000000000000000","span_id":"00f067aa0ba90201"})"})
    CHECK_MESSAGE(!parse_span_json(bad), bad);
  std::string text = span_json(test::sample_server_span());
  text.replace(text.find("\"kind\":\"SERVER\""), 15, "\"kind\":\"WRONG\"");
  CHECK(!parse_span_json(text));
}

TEST_CASE("durations for people") {
  CHECK(human_duration(0) == "0ns");
  CHECK(human_duration(999) == "999ns");
  CHECK(human_duration(1'234'567) == "1.23ms");
  CHECK(human_duration(12'345) == "12.3µs");
  CHECK(human_duration(999'499) == "999µs");
  CHECK(human_duration(999'999) == "1.00ms");
  CHECK(human_duration(2'000'000'000) == "2.00s");
  CHECK(human_duration(61'000'000'000) == "1m01s");
  CHECK(human_duration(3'660'000'000'000) == "1h01m");
}

TEST_CASE("waterfall: a link to the parent says nothing new") {
  auto spans = sample_trace();
  Span received = *spans.front();
  REQUIRE(received.parent_span_id.valid());
  received.links = {{.trace_id = received.trace_id, .span_id = received.parent_span_id}};
  spans.front() = std::make_shared<const Span>(received);
  const auto shown = [&] { return render_waterfall(spans, {.width = 100}); };
  CHECK(shown().find("link to " + received.trace_id.hex()) == std::string::npos);
  received.links.push_back({.trace_id = received.trace_id, .span_id = received.span_id});
  spans.front() = std::make_shared<const Span>(received);
  CHECK(shown().find("link to " + received.trace_id.hex() + "/" + received.span_id.hex()) != std::string::npos);
}

TEST_CASE("waterfall: parents before children, every fact of a span in its place") {
  const auto lines = lines_of(render_waterfall(sample_trace(), {.width = 100}));
  REQUIRE(lines.size() == 8);
  CHECK(lines[0] == "trace 4bf92f3577b34da6a3ce929d0e0e4736  12.4ms  3 spans  2 services");
  CHECK(lines[1].starts_with("front    GET /orders/{id} "));
  CHECK(lines[1].find("12.4ms █") != std::string::npos);
  CHECK(lines[1].ends_with("█ 200"));
  CHECK(lines[2] == "           baggage tenant=acme, env=prod");
  CHECK(lines[3].starts_with("front    └ → POST stock.local:8081 "));
  CHECK(lines[3].ends_with(" 503"));
  CHECK(lines[4] == "             error 503");
  CHECK(lines[5].find("link to 0af7651916cd43dd8448eb211c80319c/00f067aa0ba90209") != std::string::npos);
  CHECK(lines[6].starts_with("stock      └ POST /stock"));
  CHECK(lines[7].find("error 503") != std::string::npos);
}

TEST_CASE("waterfall: a bar lies where its span lies") {
  const auto lines = lines_of(render_waterfall(sample_trace(), {.width = 100}));
  const auto bar = [&](const std::string& line) {
    const std::size_t first = line.find("█"), last = line.rfind("█");
    return std::pair(cell_width(line.substr(0, first)), cell_width(line.substr(0, last)) + 1);
  };
  const auto root = bar(lines[1]), client = bar(lines[3]), server = bar(lines[6]);
  CHECK(root.first < client.first);
  CHECK(client.first < server.first);
  CHECK(server.second <= client.second);
  CHECK(client.second < root.second);
}

TEST_CASE("waterfall: what is not over lasts until now, or until what ended last") {
  Span open = test::sample_client_span();
  open.span_id = test::sample_span_id(7);
  open.start_unix_ns += 1'000'000;
  open.end_unix_ns = 0;
  open.status = StatusCode::unset;
  open.status_message = "";
  open.attributes = {};
  auto spans = sample_trace();
  spans.push_back(test::share(open));
  const auto shown = [&](std::uint64_t now_unix_ns) {
    const auto lines = lines_of(render_waterfall(spans, {.width = 100, .now_unix_ns = now_unix_ns}));
    const auto row = std::ranges::find_if(
        lines, [](const std::string& line) { return line.ends_with(" open") && !line.starts_with("trace"); });
    REQUIRE(row != lines.end());
    return std::pair(lines[0], *row);
  };
  const auto [title, row] = shown(open.start_unix_ns + 5'000'000'000);
  CHECK(title.starts_with("trace 4bf92f3577b34da6a3ce929d0e0e4736  5.0"));
  CHECK(title.ends_with("s  4 spans  2 services  1 open"));
  CHECK(row.find("5.00s") != std::string::npos);
  CHECK(row.ends_with("░ open"));
  CHECK(row.find("█") == std::string::npos);
  CHECK(shown(0).first == "trace 4bf92f3577b34da6a3ce929d0e0e4736  12.4ms  4 spans  2 services  1 open");
  spans = {spans.back()};
  CHECK(shown(open.start_unix_ns + 2'000'000).first ==
        "trace 4bf92f3577b34da6a3ce929d0e0e4736  2.00ms  1 span  1 service  1 open");
  CHECK(shown(0).first.ends_with("  0ns  1 span  1 service  1 open"));
}

TEST_CASE("waterfall: lines keep to the width, also with wide and endless names") {
  auto spans = sample_trace();
  Span span = test::sample_client_span();
  span.span_id = test::sample_span_id(7);
  span.name = "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字";
  span.status_message = std::string(500, 'x');
  span.resource = test::sample_resource(std::string(200, 's'));
  spans.push_back(test::share(span));
  for (const unsigned width : {60u, 80u, 133u})
    for (const std::string& line : lines_of(render_waterfall(spans, {.width = width})))
      CHECK_MESSAGE(cell_width(line) <= width, line);
}

TEST_CASE("waterfall: text of traced programs cannot steer the terminal") {
  Span span = test::sample_server_span();
  span.name =
      "GET \x1b[2J\x07\r\n\xc2\x9b"
      "31m \xe2\x80\xae \xff";
  span.baggage = {{"k\x1b", "\n"}};
  span.status_message = "\x1b]0;title\x07";
  span.status = StatusCode::error;
  const std::string text = render_waterfall({test::share(span)}, {.width = 100, .color = false});
  for (const char* bad : {"\x1b", "\x07", "\r", "\xc2\x9b", "\xe2\x80\xae", "\xff"})
    CHECK(text.find(bad) == std::string::npos);
  CHECK(lines_of(text).size() == 4);
  CHECK(render_waterfall({test::share(span)}, {.color = true}).find("\x1b[31m") != std::string::npos);
}

TEST_CASE("waterfall: circles, doubled ids, missing parents and deep chains show every span once") {
  std::vector<SpanPtr> spans;
  Span span = test::sample_server_span();
  const auto add = [&](std::uint8_t id, std::uint8_t parent) {
    span.span_id = test::sample_span_id(id);
    span.parent_span_id = test::sample_span_id(parent);
    spans.push_back(test::share(span));
  };
  add(1, 2);
  add(2, 1);   // a circle
  add(3, 3);   // its own parent
  add(4, 99);  // parent unknown
  add(5, 4);
  add(5, 4);  // the same id twice
  for (std::uint8_t id = 10; id < 90; id++) add(id, static_cast<std::uint8_t>(id - 1));
  CHECK(trace_tree(spans).size() == spans.size());
  CHECK(lines_of(render_waterfall(spans)).size() >= spans.size() + 1);
  CHECK(render_waterfall(spans).find("is not here") != std::string::npos);
  CHECK(render_waterfall({}).empty());
}

struct ConsoleFixture {
  ManualClock clock;
  std::string text;
  ConsoleExporter make(ConsoleOptions options) {
    return ConsoleExporter(options, clock, [this](const std::string& more) {
      text += more;
      return true;
    });
  }
};

TEST_CASE("console tree: a trace is printed once its spans stop coming") {
  ConsoleFixture f;
  auto console = f.make({.quiet = 500ms});
  console.send({test::share(test::sample_server_span())});
  CHECK(console.idle(false) == 500ms);
  f.clock.monotonic += 400'000'000;
  console.send({test::share(test::sample_client_span())});
  f.clock.monotonic += 400'000'000;
  CHECK(console.idle(false) == 100ms);
  CHECK(f.text.empty());
  f.clock.monotonic += 100'000'000;
  CHECK(console.idle(false) == std::nullopt);
  CHECK(f.text.find("2 spans") != std::string::npos);
}

TEST_CASE("console tree: bounded, and nothing is kept at the end") {
  ConsoleFixture f;
  auto console = f.make({.max_spans = 2});
  Span span = test::sample_server_span();
  SpanBatch batch;
  for (std::uint8_t i = 1; i <= 3; i++) {
    span.trace_id.bytes[0] = i;
    batch.push_back(test::share(span));
  }
  console.send(batch);
  CHECK(f.text.find("trace 01f9") != std::string::npos);
  CHECK(f.text.find("trace 02f9") == std::string::npos);
  console.idle(true);
  CHECK(f.text.find("trace 02f9") != std::string::npos);
  CHECK(f.text.find("trace 03f9") != std::string::npos);
}

TEST_CASE("console json: one object a line") {
  ConsoleFixture f;
  auto console = f.make({.format = ConsoleOptions::Format::json});
  console.send({test::share(test::sample_server_span()), test::share(test::sample_client_span())});
  const auto lines = lines_of(f.text);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == span_json(test::sample_server_span()));
  CHECK(lines[1] == span_json(test::sample_client_span()));
}

TEST_CASE("console: a pipe that nobody reads does not hold up the end") {
  int pipe_fds[2];
  REQUIRE(pipe2(pipe_fds, O_CLOEXEC) == 0);
  std::atomic<bool> cancelled{false};
  const ConsoleWriter write_text = fd_writer(pipe_fds[1], cancelled);
  bool written = true;
  std::thread writer([&] { written = write_text(std::string(1 << 20, 'x')); });
  cancelled = true;
  writer.join();  // the test's own time limit is the assertion
  CHECK_FALSE(written);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

}  // namespace
}  // namespace weft
