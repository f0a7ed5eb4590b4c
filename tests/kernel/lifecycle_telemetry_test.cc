// SPDX-License-Identifier: Apache-2.0
// What an application sends to a trace back end is left as it is and not told of; who sends spans is.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "lifecycle_scene.h"
#include "wire/telemetry.h"

namespace weft::test {
namespace {

const std::string kContext = "traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string post(const std::string& target, const std::string& lines = {}) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: 2\r\n\r\nok", target, lines);
}

void left_alone(Scene& scene, const std::string& target, const std::string& lines = {}) {
  CAPTURE(target);
  const std::string request = post(target, lines);
  CHECK(scene.called("a", request) == request);
  CHECK(scene.reported(target) == 0);
}

void traced(Scene& scene, const std::string& request, const std::string& target) {
  CAPTURE(target);
  CHECK(header(scene.called("a", request), "traceparent").size() == 1);
  CHECK(scene.reported(target) == 1);
}

unsigned sent_spans(Scene& scene) { return static_cast<unsigned>(scene.changes(PROCESS_SENDS_SPANS).size()); }

TEST_CASE("telemetry: nothing is added to what goes to a back end, and no request is told") {
  Scene scene;
  scene.trace();
  unsigned spans = 0;
  const auto sends_spans = [&](const std::string& target, telemetry kind) {
    left_alone(scene, target);
    CAPTURE(target);
    REQUIRE(sent_spans(scene) == ++spans);
    CHECK(scene.changes(PROCESS_SENDS_SPANS).back().detail == kind);
  };
  const auto as_in_turn = [&] {
    sends_spans("/v1/traces", TELEMETRY_OTLP);
    sends_spans("/otlp/v1/traces?key=value", TELEMETRY_OTLP);
    sends_spans("http://collector:4318/v1/traces", TELEMETRY_OTLP);
    sends_spans("/api/v2/spans", TELEMETRY_ZIPKIN);
    sends_spans("/api/traces?format=jaeger.thrift", TELEMETRY_JAEGER);
    for (const char* target : {"/v1/metrics", "/v1/logs", "/otlp/v1/metrics"}) left_alone(scene, target);
    CHECK(sent_spans(scene) == spans);
  };
  as_in_turn();
  // The same of a thread that works on a request.
  const Scene::Taken taken = scene.take("a", get("/in", kContext + "tracestate: a=1\r\nbaggage: user=ann\r\n"));
  as_in_turn();
  traced(scene, post("/orders"), "/orders");
  scene.tell("a", fmt::format("send {}", taken.fd), kOk);
}

TEST_CASE("telemetry: what only looks like it is traced") {
  Scene scene;
  scene.trace();
  for (const char* target : {"/v1/traces/1", "/orders?next=/v1/traces", "/api/v1/logs", "/v1/metricses"})
    traced(scene, post(target), target);
  traced(scene, get("/v1/traces"), "/v1/traces");
  CHECK(sent_spans(scene) == 0);
}

TEST_CASE("telemetry: a context that is forwarded in it stays, also when the head comes in pieces") {
  Scene scene;
  scene.trace();
  const Scene::Taken taken = scene.take("a", get("/in", kContext));
  left_alone(scene, "/v1/traces", kContext);
  const std::string request = post("/v1/traces", kContext + "X-More: 1\r\n");
  for (const char* next : {"v1/traces", "traces", "HTTP", "traceparent", "2222", "X-More", "Content", "ok"}) {
    CAPTURE(next);
    const std::size_t at = request.find(next);
    const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
    const Fd server = scene.accept_at_sink();
    CHECK(scene.tell("a", fmt::format("send {}", fd), request.substr(0, at)) == "sent");
    CHECK(scene.tell("a", fmt::format("send {}", fd), request.substr(at)) == "sent");
    scene.tell("a", fmt::format("close {}", fd));
    CHECK(read_to_end(server.get()) == request);
  }
  CHECK(scene.reported("/v1/traces") == 0);
  CHECK(sent_spans(scene) == 9);
}

TEST_CASE("telemetry: of sockets that are only observed nothing is told either") {
  Scene scene;
  scene.trace({.never_enrol = true});
  left_alone(scene, "/v1/traces");
  left_alone(scene, "/v1/metrics");
  CHECK(sent_spans(scene) == 1);
  scene.called("a", post("/orders"));
  CHECK(scene.reported("/orders") == 1);
}

TEST_CASE("telemetry: spans that are sent by who receives some are not its own, in this tracing") {
  for (const char* target : {"/v1/traces", "/otlp/v1/traces?k=v", "/api/v2/spans", "/api/traces"}) {
    CAPTURE(target);
    Scene scene;
    scene.trace();
    for (int i = 0; i < 2; i++) {
      const Scene::Taken taken = scene.take("a", post(target));
      left_alone(scene, "/back/v1/traces");
      scene.tell("a", fmt::format("send {}", taken.fd), kOk);
    }
    CHECK(scene.changes(PROCESS_TAKES_SPANS).size() == 2);
    traced(scene, post("/orders"), "/orders");
    left_alone(scene, "/back/v1/traces");
    CHECK(sent_spans(scene) == 0);
    scene.untrace();
    scene.trace();
    left_alone(scene, "/back/v1/traces");
    CHECK(sent_spans(scene) == 1);
  }
}

TEST_CASE("telemetry: receiving spans makes none, nor does what is called meanwhile") {
  Scene scene;
  scene.trace();
  for (const std::string& lines : {kContext, std::string()}) {
    const Scene::Taken taken = scene.take("a", post("/v1/traces", lines));
    const auto values = header(scene.called("a", get("/check")), "traceparent");
    REQUIRE(values.size() == 1);
    CHECK((values[0][54] & 1) == 0);
    scene.tell("a", fmt::format("send {}", taken.fd), kOk);
  }
  CHECK(scene.requests().empty());
  scene.take("b", post("/v1/metrics"));
  CHECK(scene.reported("/v1/metrics") == 1);
}

TEST_CASE("telemetry: receiving anything else says nothing about spans that are sent") {
  Scene scene;
  scene.trace();
  for (const std::string& request : {post("/v1/metrics"), post("/orders"), get("/v1/traces")}) {
    const Scene::Taken taken = scene.take("a", request);
    scene.tell("a", fmt::format("send {}", taken.fd), kOk);
  }
  left_alone(scene, "/back/v1/traces");
  CHECK(scene.changes(PROCESS_TAKES_SPANS).empty());
  CHECK(sent_spans(scene) == 1);
}

std::string headers_frame(int stream, const std::string& block) {
  std::string frame("\0\0\0\1\5\0\0\0\0", 9);
  frame[2] = static_cast<char>(block.size());
  frame[8] = static_cast<char>(stream);
  return frame + block;
}

TEST_CASE("telemetry: by gRPC, with a path that is an index from its second request on") {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9);
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  for (const auto& [path, kinds] : {std::pair{"/opentelemetry.proto.collector.trace.v1.TraceService/Export", 1u},
                                    std::pair{"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", 0u}}) {
    CAPTURE(path);
    Scene scene;
    scene.trace();
    const int fd = scene.number("a", fmt::format("connect {}", scene.sink()));
    const Fd server = scene.accept_at_sink();
    // POST http, the path and the authority "a" as new entries of the table; then both by their numbers there.
    std::string block = "\x83\x86\x44";
    block += static_cast<char>(std::string(path).size());
    block += path;
    block += std::string("\x41\1a", 3);
    std::string sent = preface + headers_frame(1, block);
    REQUIRE(scene.tell("a", fmt::format("send {}", fd), sent) == "sent");
    REQUIRE(send_all(server.get(), settings));
    REQUIRE(scene.number("a", fmt::format("recv {}", fd)) > 0);
    for (int stream = 3; stream < 9; stream += 2) {
      const std::string again = headers_frame(stream, "\x83\x86\xbf\xbe");
      REQUIRE(scene.tell("a", fmt::format("send {}", fd), again) == "sent");
      sent += again;
    }
    scene.tell("a", fmt::format("close {}", fd));
    CHECK(read_to_end(server.get()) == sent);
    CHECK(scene.requests().empty());
    REQUIRE(sent_spans(scene) == kinds);
    if (kinds) CHECK(scene.changes(PROCESS_SENDS_SPANS).back().detail == TELEMETRY_OTLP_GRPC);
  }
}

}  // namespace
}  // namespace weft::test
