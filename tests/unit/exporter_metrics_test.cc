// SPDX-License-Identifier: Apache-2.0
// What a scrape shows: request histograms, trace health, the agent's own numbers, and the server that serves them.
#include <doctest/doctest.h>
#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <atomic>
#include <map>
#include <sstream>

#include "exporter/prometheus/agent_metrics.h"
#include "exporter/prometheus/process_metrics.h"
#include "exporter/prometheus/red_metrics.h"
#include "exporter/prometheus/scrape_server.h"
#include "support/sample_spans.h"

namespace weft {
namespace {

std::string text_of(const prometheus::Collectable& source) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, source.Collect());
  return out.str();
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

Span span_lasting(std::uint64_t ns) {
  Span span = test::sample_server_span();
  span.end_unix_ns = span.start_unix_ns + ns;
  return span;
}

const std::string server_labels =
    R"(service_name="front",service_namespace="shop",http_request_method="GET",http_response_status_code="200",)"
    R"(http_route="/orders/{id}",network_protocol_version="1.1")";

TEST_CASE("red: server requests as a histogram with the advised buckets") {
  RedMetrics metrics;
  for (const std::uint64_t ns : {1'000'000ull, 5'000'000ull, 5'000'001ull, 700'000'000ull, 11'000'000'000ull})
    metrics.observe(span_lasting(ns));
  const std::string text = text_of(metrics);
  const auto bucket = [&](const char* le) {
    return "http_server_request_duration_seconds_bucket{" + server_labels + ",le=\"" + le + "\"} ";
  };
  CHECK(has_line(text, "# TYPE http_server_request_duration_seconds histogram"));
  CHECK(has_line(text, bucket("0.005") + "2"));  // a bound is inclusive
  CHECK(has_line(text, bucket("0.01") + "3"));
  CHECK(has_line(text, bucket("0.5") + "3"));
  CHECK(has_line(text, bucket("0.75") + "4"));
  CHECK(has_line(text, bucket("10") + "4"));
  CHECK(has_line(text, bucket("+Inf") + "5"));
  CHECK(has_line(text, "http_server_request_duration_seconds_count{" + server_labels + "} 5"));
  CHECK(text.find("http_server_request_duration_seconds_sum{" + server_labels + "} 11.711") != std::string::npos);
}

TEST_CASE("red: client requests say where they went, servers do not") {
  RedMetrics metrics;
  metrics.offer(test::share(test::sample_client_span()));
  Span server = test::sample_server_span();
  server.attributes.set("server.address", std::string("me"));
  metrics.observe(server);
  const std::string text = text_of(metrics);
  CHECK(has_line(text, R"(http_client_request_duration_seconds_count{service_name="front",service_namespace="shop",)"
                       R"(http_request_method="POST",http_response_status_code="503",network_protocol_version="1.1",)"
                       R"(error_type="503",server_address="stock.local",server_port="8081"} 1)"));
  CHECK(text.find("server_address=\"me\"") == std::string::npos);
}

TEST_CASE("red: messages that were sent and received") {
  RedMetrics metrics;
  Span sent = span_lasting(7'000'000);
  sent.kind = SpanKind::producer;
  sent.attributes = {};
  sent.attributes.set("messaging.system", std::string("kafka"));
  sent.attributes.set("messaging.operation.name", std::string("send"));
  sent.attributes.set("messaging.destination.name", std::string("orders"));
  sent.attributes.set("error.type", std::string("MESSAGE_TOO_LARGE"));
  sent.attributes.set("server.address", std::string("10.0.0.3"));
  sent.attributes.set("server.port", std::int64_t{9092});
  metrics.observe(sent);
  Span message = sent;  // one of those that left with it, which is counted with it
  message.attributes.set("messaging.operation.type", std::string("create"));
  message.attributes.set("messaging.operation.name", std::string("create"));
  message.parent_span_id = sent.span_id;
  metrics.observe(message);
  Span received = span_lasting(1'000'000);
  received.kind = SpanKind::consumer;
  received.attributes = {};
  received.attributes.set("messaging.system", std::string("kafka"));
  received.attributes.set("messaging.destination.name", std::string("orders"));
  received.attributes.set("messaging.consumer.group.name", std::string("billing"));
  metrics.observe(received);  // without timestamp: of unknown age
  received.attributes.set("weft.messaging.lag_ms", std::int64_t{250});
  metrics.observe(received);
  const std::string text = text_of(metrics);
  const std::string service = R"(service_name="front",service_namespace="shop",messaging_system="kafka",)";
  CHECK(text.find("create") == std::string::npos);
  CHECK(has_line(text, "messaging_client_operation_duration_seconds_count{" + service +
                           R"(messaging_operation_name="send",messaging_destination_name="orders",)"
                           R"(error_type="MESSAGE_TOO_LARGE",server_address="10.0.0.3",server_port="9092"} 1)"));
  const std::string lag = service + R"(messaging_destination_name="orders",messaging_consumer_group_name="billing")";
  CHECK(has_line(text, "weft_messaging_lag_seconds_count{" + lag + "} 1"));
  CHECK(has_line(text, "weft_messaging_lag_seconds_sum{" + lag + "} 0.25"));
}

TEST_CASE("red: spans that are no HTTP requests make no series") {
  RedMetrics metrics;
  Span span = test::sample_server_span();
  span.attributes.items.clear();
  metrics.observe(span);
  span = test::sample_server_span();
  span.kind = SpanKind::internal;
  metrics.observe(span);
  CHECK(text_of(metrics).find("_bucket") == std::string::npos);
}

TEST_CASE("red: what is looked up once for those that look alike counts what each would count") {
  RedMetrics each({.max_series = 4, .max_services = 3}), alike({.max_series = 4, .max_services = 3});
  std::map<int, RedMetrics::Request> requests;
  for (int i = 0; i < 400; i++) {
    const int kind = i * 7 % 12;
    Span span = span_lasting(1'000'000ull * static_cast<unsigned>(i));
    span.resource = test::sample_resource("s" + std::to_string(kind % 5));
    span.attributes.set("http.route", "/r" + std::to_string(kind));
    if (kind % 4 == 3) span.kind = SpanKind::client;
    if (i % 3) span.parent_span_id.bytes.fill(7);
    span.flags = i % 2;
    each.observe(span);
    if (!requests.contains(kind)) requests[kind] = alike.request_of(span);
    alike.observe(requests[kind], span);
  }
  CHECK(text_of(alike) == text_of(each));
  CHECK(text_of(alike).find("~other") != std::string::npos);
}

TEST_CASE("red: series are bounded; what is over counts as ~other of its service") {
  RedMetrics metrics({.max_series = 4});
  const auto observe = [&](const std::string& service, const std::string& route) {
    Span span = test::sample_server_span();
    span.resource = test::sample_resource(service);
    span.attributes.set("http.route", route);
    metrics.observe(span);
  };
  for (int i = 0; i < 104; i++) observe("front", "/r" + std::to_string(i));
  for (int i = 0; i < 10; i++) observe("service" + std::to_string(i), "/");
  observe("front", "/r0");
  const std::string text = text_of(metrics);
  const auto count_of = [](const std::string& service, const std::string& ns, const std::string& value) {
    return "http_server_request_duration_seconds_count{service_name=\"" + service + "\",service_namespace=\"" + ns +
           "\",http_request_method=\"" + value + "\",http_response_status_code=\"" + value + "\",http_route=\"" +
           value + "\",network_protocol_version=\"" + value + "\"} ";
  };
  CHECK(has_line(text, count_of("front", "shop", "~other") + "100"));
  CHECK(has_line(text, count_of("~other", "~other", "~other") + "10"));
  CHECK(text.find("http_route=\"/r0\"} 2") == std::string::npos);  // no such line: more labels follow
  CHECK(text.find("http_route=\"/r0\",network_protocol_version=\"1.1\"} 2") != std::string::npos);
  CHECK(has_line(text, R"(weft_metric_series_overflow_total{metric="http_server_request_duration_seconds"} 110)"));
}

TEST_CASE("red: hostile label values neither break the text nor split a series") {
  RedMetrics metrics;
  Span span = test::sample_server_span();
  span.attributes.set("http.route", std::string("a\"b\\c\nd\xff\0e", 10));
  metrics.observe(span);
  CHECK(text_of(metrics).find("http_route=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\",network") != std::string::npos);
}

TEST_CASE("red: trace health counts a trace once for each service, and what became of it") {
  RedMetrics metrics;
  for (int i = 0; i < 8; i++) {
    metrics.observe(test::sample_server_span());
    metrics.observe(test::sample_client_span());  // not an entry
    metrics.observe(test::sample_remote_span());
  }
  metrics.dropped(test::sample_server_span(), "queue_full");
  metrics.dropped(test::sample_client_span(), "queue_full");
  metrics.dropped("front", "events_lost", 1);
  const std::string text = text_of(metrics);
  CHECK(has_line(text, "otel_traces_received_total{service=\"front\"} 8"));
  CHECK(has_line(text, "otel_traces_received_total{service=\"stock\"} 8"));
  CHECK(has_line(text, "otel_traces_dropped_total{service=\"front\",reason=\"queue_full\"} 1"));
  CHECK(has_line(text, "otel_traces_dropped_total{service=\"front\",reason=\"events_lost\"} 1"));
  CHECK(has_line(text, "otel_traces_health_ratio{service=\"front\"} 0.75"));
  CHECK(has_line(text, "otel_traces_health_ratio{service=\"stock\"} 1"));
}

TEST_CASE("red: baggage keys are counted where a request enters, boundedly") {
  RedMetrics metrics({.max_baggage_keys = 2});
  Span span = test::sample_server_span();
  metrics.observe(span);
  metrics.observe(test::sample_client_span());
  span.baggage = {{"third", ""}, {"tenant", "x"}};
  metrics.observe(span);
  const std::string text = text_of(metrics);
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"tenant\"} 2"));
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"env\"} 1"));
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"~other\"} 1"));
}

TEST_CASE("red: values of the baggage keys that the policy names, boundedly, and gone when it does not any more") {
  RedMetrics metrics({.max_baggage_values = 2});
  metrics.set_baggage_values([](std::string_view key) { return key == "env"; });
  Span span = test::sample_server_span();
  for (const auto& value : std::vector<std::string>{"prod", "dev", "test", "prod", std::string(200, 'x')}) {
    span.baggage = {{"env", value}, {"user", value}};
    metrics.observe(span);
  }
  const std::string text = text_of(metrics);
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"env\",value=\"prod\"} 2"));
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"env\",value=\"dev\"} 1"));
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"env\",value=\"~other\"} 2"));
  CHECK(has_line(text, "baggage_key_distribution_count{key=\"user\"} 5"));
  CHECK(text.find("xxx") == std::string::npos);
  metrics.set_baggage_values({});
  const std::string after = text_of(metrics);
  CHECK(has_line(after, "baggage_key_distribution_count{key=\"env\"} 5"));
  CHECK(after.find("prod") == std::string::npos);
}

TEST_CASE("red: scrapes and spans at the same time") {
  RedMetrics metrics;
  std::thread spans([&] {
    for (int i = 0; i < 5000; i++) {
      Span span = test::sample_server_span();
      span.attributes.set("http.route", "/" + std::to_string(i % 300));
      metrics.observe(span);
    }
  });
  for (int i = 0; i < 20; i++) text_of(metrics);
  spans.join();
  CHECK(has_line(text_of(metrics), "otel_traces_received_total{service=\"front\"} 5000"));
}

TEST_CASE("agent metrics: every name of the conventions, from one snapshot") {
  AgentSnapshot snapshot;
  snapshot.version = "0.1.0";
  snapshot.events = {{"request", 5}};
  snapshot.events_lost = 2;
  snapshot.errors = {{{"on_recv", "map_full"}, 3}};
  snapshot.maps = {{"connections", {7, 100}}};
  snapshot.programs = {{"on_send", {.runs = 9, .misses = 15, .seconds = 0.5}}, {"on_recv", {}}};
  snapshot.injections = {{{"http", "no_budget"}, 4}};
  snapshot.response_headers = {{{"http", "done"}, 14}};
  snapshot.baggage_members = {{{"denied", "phone"}, 6}};
  snapshot.policy = {"7", "file", 3, 1'500'000'000'000'000'000, 2, 1, true};
  snapshot.config_stale = true;
  snapshot.exporters = {{.exporter = "otlp", .by_result = {{"sent", 11}}, .queued = 12, .queue_limit = 2048},
                        {.exporter = "zipkin", .last_error = "connect"}};
  snapshot.processes = {{"traced", 1}};
  snapshot.losses = {{{"decode", "bad_event"}, 8}};
  snapshot.http2_blocks = {{"unreadable", 15}};
  snapshot.attached_probes = 13;
  const std::string text = text_of(AgentMetrics([&] { return snapshot; }));
  for (const char* line : {"weft_build_info{version=\"0.1.0\"} 1",
                           "weft_bpf_events_total{type=\"request\"} 5",
                           "weft_bpf_events_lost_total 2",
                           "weft_bpf_errors_total{program=\"on_recv\",reason=\"map_full\"} 3",
                           "weft_bpf_map_entries{map=\"connections\"} 7",
                           "weft_bpf_map_capacity{map=\"connections\"} 100",
                           "weft_bpf_program_seconds_total{program=\"on_send\"} 0.5",
                           "weft_bpf_program_runs_total{program=\"on_send\"} 9",
                           "weft_bpf_program_misses_total{program=\"on_send\"} 15",
                           "weft_bpf_program_misses_total{program=\"on_recv\"} 0",
                           "weft_injections_total{protocol=\"http\",result=\"no_budget\"} 4",
                           "weft_response_headers_total{protocol=\"http\",result=\"done\"} 14",
                           "weft_baggage_members_total{action=\"denied\",rule=\"phone\"} 6",
                           "weft_policy_info{version=\"7\",origin=\"file\"} 1",
                           "weft_policy_since_timestamp_seconds 1500000000",
                           "weft_policy_stale 1",
                           "weft_config_stale 1",
                           "weft_policy_changes_total{result=\"applied\"} 2",
                           "weft_policy_changes_total{result=\"refused\"} 1",
                           "weft_export_spans_total{exporter=\"otlp\",result=\"sent\"} 11",
                           "weft_export_queue_spans{exporter=\"otlp\"} 12",
                           "weft_export_failing{exporter=\"otlp\"} 0",
                           "weft_export_failing{exporter=\"zipkin\"} 1",
                           "weft_processes{state=\"traced\"} 1",
                           "weft_losses_total{stage=\"decode\",reason=\"bad_event\"} 8",
                           "weft_http2_blocks_total{result=\"unreadable\"} 15",
                           "weft_attached_probes 13"})
    CHECK_MESSAGE(has_line(text, line), line);
  CHECK(text_of(ProcessMetrics()).find("process_resident_memory_bytes ") != std::string::npos);
}

TEST_CASE("listen addresses") {
  const auto parsed = [](const char* text) {
    const auto address = parse_listen_address(text);
    return address ? address->host + "|" + std::to_string(address->port) : "error";
  };
  CHECK(parsed("127.0.0.1:9464") == "127.0.0.1|9464");
  CHECK(parsed("localhost:0") == "localhost|0");
  CHECK(parsed("[::1]:9464") == "::1|9464");
  CHECK(parsed(":9464") == "0.0.0.0|9464");
  for (const char* bad :
       {"", "9464", "host", "host:", "host:x", "host:70000", "host:-1", "::1:9464", "[::1:9464", "host:9464 "})
    CHECK_MESSAGE(parsed(bad) == "error", bad);
}

struct ScrapeFixture {
  RedMetrics metrics;
  std::optional<std::string> not_ready;
  std::unique_ptr<ScrapeServer> server;
  explicit ScrapeFixture(const std::string& listen = "127.0.0.1:0") {
    auto started = ScrapeServer::start({.listen = listen, .not_ready = [this] { return not_ready; }}, {&metrics});
    REQUIRE_MESSAGE(started, started.error().message);
    server = std::move(*started);
  }
  httplib::Result get(const std::string& path, const std::string& host = "127.0.0.1") {
    return httplib::Client(host, server->port()).Get(path.c_str());
  }
};

TEST_CASE("scrape server: three pages and nothing else") {
  ScrapeFixture f;
  f.metrics.observe(test::sample_server_span());
  auto page = f.get("/metrics");
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(has_line(page->body, "otel_traces_received_total{service=\"front\"} 1"));
  CHECK(f.get("/metrics?x=1")->status == 200);
  CHECK(f.get("/healthz")->status == 200);
  CHECK(f.get("/readyz")->status == 200);
  f.not_ready = "programs are not loaded";
  CHECK(f.get("/readyz")->status == 503);
  CHECK(f.get("/readyz")->body == "programs are not loaded\n");
  for (const char* path : {"/", "/metrics/", "/metricsx", "/v1/status", "/../etc/passwd"})
    CHECK_MESSAGE(f.get(path)->status == 404, path);
  CHECK(httplib::Client("127.0.0.1", f.server->port()).Post("/metrics", "x", "text/plain")->status == 405);
  CHECK(f.server->url() == "http://127.0.0.1:" + std::to_string(f.server->port()) + "/metrics");
}

TEST_CASE("scrape server: a busy port and a bad address are one clear line") {
  ScrapeFixture f;
  const std::string listen = "127.0.0.1:" + std::to_string(f.server->port());
  const auto second = ScrapeServer::start({.listen = listen}, {});
  REQUIRE(!second);
  CHECK(second.error().message ==
        "exporters.prometheus.listen " + listen +
            ": Address already in use; choose another port or stop the program that holds it");
  const auto bad = ScrapeServer::start({.listen = "nonsense"}, {});
  REQUIRE(!bad);
  CHECK(bad.error().message == "exporters.prometheus.listen: 'nonsense': write host:port");
  CHECK(
      ScrapeServer::start({.listen = "127.0.0.1:0", .path = "metrics"}, {}).error().message.find("must begin with /") !=
      std::string::npos);
}

TEST_CASE("scrape server: clients that never finish a request do not hold up others for long, nor the end") {
  ScrapeFixture f;
  const auto connect_and_say = [&](const char* text) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(f.server->port()));
    REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(send(fd, text, std::strlen(text), MSG_NOSIGNAL) > 0);
    return fd;
  };
  std::vector<int> clients;
  for (int i = 0; i < 4; i++) clients.push_back(connect_and_say("GET /metr"));
  std::atomic<bool> stop{false};
  std::thread drip([&] {  // keeps every read of the server short of its time-out
    while (!stop) {
      for (const int fd : clients) send(fd, "i", 1, MSG_NOSIGNAL);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  f.server.reset();  // the test's own time limit is the assertion
  stop = true;
  drip.join();
  for (const int fd : clients) close(fd);
}

}  // namespace
}  // namespace weft
