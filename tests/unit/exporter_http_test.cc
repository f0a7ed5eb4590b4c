// SPDX-License-Identifier: Apache-2.0
// The HTTP client, the exporters and the queue against servers that misbehave. Time-outs of the client are short, so
// that the tests are; what a test asserts is what came of it, not how long it took.
#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdlib>
#include <numeric>
#include <random>

#include "exporter/gzip.h"
#include "exporter/otlp/otlp_exporter.h"
#include "exporter/queue.h"
#include "exporter/zipkin/zipkin_exporter.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "support/raw_server.h"
#include "support/sample_spans.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using test::RawRequest;
using test::RawServer;
using Outcome = ExportResult::Outcome;

RawServer::Behaviour answering(std::string status_line, std::string headers = "", std::string body = "") {
  return [=](RawServer& server, int fd, const RawRequest&) { return server.answer(fd, status_line, headers, body); };
}

RawServer::Behaviour hanging() {
  return [](RawServer& server, int fd, const RawRequest&) { return server.hang(fd); };
}

HttpClientOptions quick(std::chrono::milliseconds timeout = 10s) {
  return {.timeout = timeout, .connect_timeout = timeout};
}

std::unique_ptr<HttpClient> client_of(const std::string& url, HttpClientOptions options = quick()) {
  auto client = HttpClient::create(url, std::move(options));
  REQUIRE_MESSAGE(client, client.error().message);
  return std::move(*client);
}

HttpResponse post_to(RawServer::Behaviour behaviour, HttpClientOptions options = quick()) {
  RawServer server(std::move(behaviour));
  return client_of(server.url(), std::move(options))->post("text/plain", "hello");
}

std::unique_ptr<Exporter> otlp_to(const std::string& endpoint, HttpClientOptions http = {.gzip = true}) {
  auto exporter = make_otlp_exporter({.endpoint = endpoint, .version = "0.1.0", .http = std::move(http)});
  REQUIRE_MESSAGE(exporter, exporter.error().message);
  return std::move(*exporter);
}

std::string gunzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

SpanBatch sample_batch() {
  return {test::share(test::sample_server_span()), test::share(test::sample_client_span()),
          test::share(test::sample_remote_span())};
}

TEST_CASE("http: one connection carries many requests, with the configured headers") {
  RawServer server(answering("200 OK", "Content-Type: text/plain\r\n", "fine"));
  HttpClientOptions options = quick();
  options.headers = {{"authorization", "Bearer x"}, {"x-empty", ""}};
  const auto client = client_of(server.url("/path?q=1"), options);
  for (int i = 0; i < 3; i++) {
    const HttpResponse response = client->post("application/test", "body" + std::to_string(i));
    CHECK(response.status == 200);
    CHECK(response.error.empty());
    CHECK(response.body == "fine");
    CHECK(response.content_type == "text/plain");
  }
  CHECK(server.connections() == 1);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[2].head.starts_with("POST /path?q=1 HTTP/1.1\r\n"));
  CHECK(requests[2].body == "body2");
  CHECK(requests[2].header("Content-Type") == "application/test");
  CHECK(requests[2].header("Authorization") == "Bearer x");
  CHECK(requests[2].header("Expect").empty());
  CHECK(requests[2].header("Content-Encoding").empty());
}

TEST_CASE("http: the body is compressed when asked for") {
  RawServer server(answering("200 OK"));
  HttpClientOptions options = quick();
  options.gzip = true;
  const auto client = client_of(server.url(), options);
  const std::string body(100'000, 'a');
  client->post("text/plain", body);
  client->post("text/plain", "second");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].header("Content-Encoding") == "gzip");
  CHECK(requests[0].body.size() < 2000);
  CHECK(gunzip(requests[0].body) == body);
  CHECK(gunzip(requests[1].body) == "second");
}

TEST_CASE("gzip: whatever is compressed comes back, and hardly grows") {
  Gzip gzip;
  std::mt19937_64 random(5);
  const auto check = [&](const std::string& text) {
    const auto compressed = gzip.compress(text);
    REQUIRE(compressed);
    CHECK(gunzip(std::string(*compressed)) == text);
    CHECK(compressed->size() <= text.size() + text.size() / 1024 + 256);
  };
  for (std::size_t bytes = 0; bytes < 300; bytes++) check(std::string(bytes, static_cast<char>(bytes)));
  for (int i = 0; i < 300; i++) {
    std::string text(random() % 200'000, '\0');
    const unsigned kinds = i % 3 == 0 ? 256 : i % 3 == 1 ? 3 : 30;
    for (std::size_t at = 0; at < text.size(); at++)
      text[at] = at > 400 && random() % 32 ? text[at - 397] : static_cast<char>(random() % kinds);
    if (i % 10 == 0)  // nothing repeats
      for (char& c : text) c = static_cast<char>(random());
    check(text);
  }
}

TEST_CASE("http: proxies of the environment are not used") {
  setenv("http_proxy", ("http://127.0.0.1:" + std::to_string(test::dead_port())).c_str(), 1);
  CHECK(post_to(answering("200 OK")).status == 200);
  unsetenv("http_proxy");
}

TEST_CASE("http: each kind of trouble has its word and may be tried again") {
  const auto check = [](const HttpResponse& response, const char* word) {
    CHECK(response.error == word);
    CHECK(judge(response).outcome == Outcome::retry);
    CHECK(judge(response).reason == word);
  };
  SUBCASE("nobody listens") {
    check(client_of("http://127.0.0.1:" + std::to_string(test::dead_port()))->post("t", "b"), "connect");
  }
  SUBCASE("no such name") { check(client_of("http://no-such-host.invalid:1")->post("t", "b"), "resolve"); }
  SUBCASE("never answers") { check(post_to(hanging(), quick(150ms)), "timeout"); }
  SUBCASE("answers byte by byte without end") {
    check(post_to([](RawServer& s, int fd, const RawRequest&) { return s.drip(fd, "HTTP/1.1 200 OK\r\nX: "); },
                  quick(200ms)),
          "timeout");
  }
  SUBCASE("body byte by byte without end") {
    check(post_to([](RawServer& s, int fd, const RawRequest&) { return s.drip(fd, "HTTP/1.1 200 OK\r\n\r\n"); },
                  quick(200ms)),
          "timeout");
  }
  SUBCASE("closes without an answer") {
    check(post_to([](RawServer&, int, const RawRequest&) { return false; }), "reset");
  }
  SUBCASE("closes in mid-body") {
    check(post_to([](RawServer& s, int fd, const RawRequest&) {
            s.send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
            return false;
          }),
          "incomplete");
  }
  SUBCASE("does not speak HTTP") {
    check(post_to([](RawServer& s, int fd, const RawRequest&) {
            s.send_text(fd, "SSH-2.0-OpenSSH_9.2\r\n");
            return false;
          }),
          "protocol");
  }
  SUBCASE("headers without end") {
    check(post_to([](RawServer& s, int fd, const RawRequest&) {
            s.send_text(fd, "HTTP/1.1 200 OK\r\n");
            while (s.send_text(fd, "X-Filler: " + std::string(4000, 'x') + "\r\n")) {
            }
            return false;
          }),
          "protocol");
  }
}

TEST_CASE("http: a body that is too long is an answer of which a part is read") {
  const HttpResponse response = post_to([](RawServer& s, int fd, const RawRequest&) {
    s.answer(fd, "200 OK", "", std::string(5 << 20, 'x'));
    return false;
  });
  CHECK(response.status == 200);
  CHECK(response.error.empty());
  CHECK(response.body.size() == 64 * 1024);
}

TEST_CASE("http: what a status means for the batch") {
  const auto judged = [](const char* status, const char* headers = "") {
    return judge(post_to(answering(status, headers)));
  };
  CHECK(judged("200 OK").outcome == Outcome::accepted);
  CHECK(judged("202 Accepted").outcome == Outcome::accepted);
  for (const char* status : {"429 Slow", "502 Bad", "503 Busy", "504 Late"}) {
    CHECK_MESSAGE(judged(status).outcome == Outcome::retry, status);
    CHECK(judged(status).retry_after == std::nullopt);
  }
  CHECK(judged("429 Slow", "Retry-After: 7\r\n").retry_after == 7s);
  CHECK(judged("503 Busy", "retry-after: Thu, 01 Jan 2100 00:00:00 GMT\r\n").retry_after == 24h);
  CHECK(judged("429 Slow").reason == "http_429");
  for (const char* status : {"301 Moved", "400 Bad", "401 Who", "404 Where", "500 Oops", "501 No"})
    CHECK_MESSAGE(judged(status).outcome == Outcome::refused, status);
  CHECK(judged("413 Big").outcome == Outcome::too_large);
}

TEST_CASE("http: cancel ends a request that hangs, and all later ones") {
  RawServer server(hanging());
  const auto client = client_of(server.url(), quick(1h));
  std::thread canceller([&] {
    while (server.requests().empty()) std::this_thread::yield();
    client->cancel();
  });
  CHECK(client->post("t", "b").error == "cancelled");  // the test's own time limit is the assertion
  canceller.join();
  CHECK(client->post("t", "b").error == "cancelled");
}

TEST_CASE("http: a wrong endpoint or file is refused at the start, in one line") {
  const auto message = [](const std::string& url, HttpClientOptions options = {}) {
    const auto client = HttpClient::create(url, std::move(options));
    return client ? std::string("accepted") : client.error().message;
  };
  CHECK(message("") == "exporter endpoint '': not a URL; write http://host:port/path or https://…");
  CHECK(message("localhost:4318").find("write http://host:port") != std::string::npos);
  CHECK(message("ftp://h/").find("only http:// and https://") != std::string::npos);
  CHECK(message("https://h", {.tls = {.ca = "/does/not/exist"}}) ==
        "exporter tls ca '/does/not/exist': cannot be read");
  CHECK(message("https://h", {.tls = {.cert = "/dev/null"}}) == "exporter tls: cert and key are needed together");
  CHECK(message("http://h", {.headers = {{"a", "b\r\nc: d"}}}).find("is not a header") != std::string::npos);
}

TEST_CASE("otlp: the request a collector gets") {
  RawServer server(answering("200 OK", "Content-Type: application/x-protobuf\r\n"));
  const auto exporter = otlp_to(server.url("/"));
  const ExportResult result = exporter->send(sample_batch());
  CHECK(result.outcome == Outcome::accepted);
  CHECK(result.rejected_spans == 0);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].head.starts_with("POST /v1/traces HTTP/1.1\r\n"));
  CHECK(requests[0].header("content-type") == "application/x-protobuf");
  CHECK(gunzip(requests[0].body) == encode_otlp(sample_batch(), "0.1.0"));
}

TEST_CASE("otlp: partial success is read") {
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse answer;
  answer.mutable_partial_success()->set_rejected_spans(2);
  answer.mutable_partial_success()->set_error_message("too old");
  const auto result_of = [](const std::string& type, const std::string& body) {
    RawServer server(answering("200 OK", "Content-Type: " + type + "\r\n", body));
    return otlp_to(server.url())->send(sample_batch());
  };
  const ExportResult result = result_of("application/x-protobuf", answer.SerializeAsString());
  CHECK(result.outcome == Outcome::accepted);
  CHECK(result.rejected_spans == 2);
  CHECK(result.detail == "too old");
  answer.mutable_partial_success()->set_rejected_spans(-5);
  CHECK(result_of("application/x-protobuf", answer.SerializeAsString()).rejected_spans == 0);
  CHECK(result_of("application/x-protobuf", "\xff\xff\xff").rejected_spans == 0);  // accepted all the same
  CHECK(result_of("application/json", "{\"partialSuccess\":{}}").outcome == Outcome::accepted);
}

TEST_CASE("otlp: a request over 4 MiB is not sent but halved") {
  RawServer server(answering("200 OK"));
  std::vector<SpanPtr> spans;
  for (int i = 0; i < 100; i++) {
    Span span = test::sample_server_span();
    span.attributes.set("big", std::string(100'000, 'x'));
    spans.push_back(test::share(span));
  }
  BatchQueue queue(otlp_to(server.url(), {}), {.delay = 1h});
  for (const SpanPtr& span : spans) queue.offer(span);
  queue.shutdown(60s);
  CHECK(queue.counters().by_result.at("sent") == 100);
  const auto requests = server.requests();
  CHECK(requests.size() == 4);
  for (const RawRequest& request : requests) CHECK(request.body.size() < 4u << 20);
}

TEST_CASE("zipkin: the request a server gets") {
  RawServer server(answering("202 Accepted"));
  auto exporter = make_zipkin_exporter({.endpoint = server.url("/api/v2/spans"), .version = "0.1.0"});
  REQUIRE(exporter);
  CHECK((*exporter)->send(sample_batch()).outcome == Outcome::accepted);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].head.starts_with("POST /api/v2/spans HTTP/1.1\r\n"));
  CHECK(requests[0].header("content-type") == "application/json");
  CHECK(requests[0].body == encode_zipkin(sample_batch(), "0.1.0"));
}

std::uint64_t total(const ExportCounters& counters) {
  return std::accumulate(counters.by_result.begin(), counters.by_result.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& entry) { return sum + entry.second; });
}

// Each server below is offered far more than the queue holds; nothing may block, everything must be counted.
TEST_CASE("queue and otlp: a bad server costs spans, never time or memory") {
  RawServer::Behaviour behaviour;
  const char* lost_as = "dropped_shutdown";
  SUBCASE("hangs") { behaviour = hanging(); }
  SUBCASE("drips") {
    behaviour = [](RawServer& s, int fd, const RawRequest&) { return s.drip(fd, "HTTP/1.1 200 OK\r\n\r\n"); };
  }
  SUBCASE("busy") { behaviour = answering("503 Busy"); }
  SUBCASE("asks for an hour") { behaviour = answering("429 Slow", "Retry-After: 3600\r\n"); }
  SUBCASE("closes in mid-body") {
    behaviour = [](RawServer& s, int fd, const RawRequest&) {
      s.send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
      return false;
    };
  }
  SUBCASE("refuses all") {
    behaviour = answering("400 Bad");
    lost_as = "failed";
  }
  RawServer server(behaviour);
  std::atomic<int> alive{0}, most{0};
  BatchQueue queue(otlp_to(server.url(), {.timeout = 1h}), {.queue = 64, .batch = 16, .delay = 0ms});
  constexpr std::uint64_t offered = 5000;
  for (std::uint64_t i = 0; i < offered; i++) {
    most = std::max(most.load(), ++alive);
    queue.offer(SpanPtr(new Span(test::sample_server_span()), [&](const Span* span) {
      delete span;
      alive--;
    }));
    if (i == 0)
      while (server.requests().empty()) std::this_thread::yield();
  }
  CHECK(most <= 64 + 16 + 1);
  queue.shutdown(50ms);  // the test's own time limit is the assertion
  CHECK(total(queue.counters()) == offered);
  CHECK(queue.counters().by_result.at("sent") == 0);
  CHECK(queue.counters().by_result.at(lost_as) > 0);
  CHECK(alive == 0);
}

TEST_CASE("queue and otlp: a server that comes back gets what waited") {
  std::atomic<int> calls{0};
  RawServer server([&](RawServer& s, int fd, const RawRequest&) {
    return s.answer(fd, calls++ < 2 ? "503 Busy" : "200 OK", "Retry-After: 0\r\n");
  });
  BatchQueue queue(otlp_to(server.url()), {.delay = 0ms});
  queue.offer(test::share(test::sample_server_span()));
  while (calls < 3) std::this_thread::yield();
  queue.shutdown(60s);
  CHECK(queue.counters().by_result.at("sent") == 1);
}

}  // namespace
}  // namespace weft
