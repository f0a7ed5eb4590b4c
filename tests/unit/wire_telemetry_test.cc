// SPDX-License-Identifier: Apache-2.0
// One line for each way in which telemetry is handed to a back end, and for what looks like it.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "wire/telemetry.h"

namespace weft::test {
namespace {

head_text text;

int posted(const std::string& target) {
  std::memset(&text, '/', sizeof text);
  const std::string line = "POST " + target + " HTTP/1.1\r\n";
  std::memcpy(text.bytes, line.data(), line.size());
  return telemetry_posted(&text, 5, static_cast<__u32>(5 + target.size()));
}

}  // namespace

TEST_CASE("telemetry: spans") {
  for (const char* target : {"/v1/traces", "/otlp/v1/traces", "/v1/traces?k=v", "/api/public/otel/v1/traces?a=/b?c",
                             "http://collector:4318/v1/traces", "http://c/otlp/v1/traces?k=v", "HTTPS://c/v1/traces"}) {
    CAPTURE(target);
    CHECK(posted(target) == TELEMETRY_OTLP);
  }
  CHECK(posted("/opentelemetry.proto.collector.trace.v1.TraceService/Export") == TELEMETRY_OTLP_GRPC);
  for (const char* target : {"/api/v2/spans", "/api/v1/spans", "/zipkin/api/v2/spans", "http://z:9411/api/v2/spans"}) {
    CAPTURE(target);
    CHECK(posted(target) == TELEMETRY_ZIPKIN);
  }
  for (const char* target : {"/api/traces", "/api/traces?format=jaeger.thrift", "http://j:14268/api/traces"}) {
    CAPTURE(target);
    CHECK(posted(target) == TELEMETRY_JAEGER);
  }
}

TEST_CASE("telemetry: other than spans") {
  for (const char* target : {"/v1/metrics", "/v1/logs", "/otlp/v1/metrics", "/api/public/otel/v1/logs",
                             "/opentelemetry/v1/metrics?x", "http://c:4318/v1/logs", "http://c:4318/otlp/v1/metrics",
                             "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                             "/opentelemetry.proto.collector.logs.v1.LogsService/Export"}) {
    CAPTURE(target);
    CHECK(posted(target) == TELEMETRY_OTHER);
  }
}

TEST_CASE("telemetry: what only looks like it") {
  for (const char* target : {"",
                             "/",
                             "*",
                             "/traces",
                             "v1/traces",
                             "/v1/traces/",
                             "/v1/traces/1",
                             "/v1/tracesx",
                             "/xv1/traces",
                             "/v2/traces",
                             "/orders?next=/v1/traces",
                             "/orders?/v1/traces",
                             "/api/v3/spans",
                             "/spans",
                             "/shop/api/traces",
                             "/api/v1/logs",
                             "/api/v1/metrics",
                             "/notlp/v1/metric",
                             "/v1/log",
                             "/v1/logs/",
                             "http://c/",
                             "http://c",
                             "http://v1/traces",
                             "http://c?/v1/traces",
                             "/opentelemetry",
                             "/Opentelemetry.proto.collector.trace.v1.TraceService/Export"}) {
    CAPTURE(target);
    CHECK(posted(target) == TELEMETRY_NONE);
  }
}

TEST_CASE("telemetry: wherever a target ends, and with queries and bases of every length") {
  const std::string spans = "http://collector:4318/otlp/v1/traces";
  for (std::size_t bytes = 0; bytes <= spans.size(); bytes++) {
    CAPTURE(bytes);
    CHECK(posted(spans.substr(0, bytes)) == (bytes == spans.size() ? TELEMETRY_OTLP : TELEMETRY_NONE));
  }
  for (std::size_t bytes = 0; bytes < 40; bytes++) {
    CAPTURE(bytes);
    CHECK(posted("/v1/traces?" + std::string(bytes, 'q')) == TELEMETRY_OTLP);
    CHECK(posted("/" + std::string(bytes, 'b') + "/v1/traces") == TELEMETRY_OTLP);
    CHECK(posted("/v1/traces" + std::string(bytes + 1, 'b')) == TELEMETRY_NONE);
  }
  CHECK(telemetry_posted(&text, 0, HEAD_TEXT_CAP + 1) == TELEMETRY_NONE);
  CHECK(telemetry_posted(&text, 9, 5) == TELEMETRY_NONE);
}

}  // namespace weft::test
