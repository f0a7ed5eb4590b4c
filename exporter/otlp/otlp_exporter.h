// SPDX-License-Identifier: Apache-2.0
// OTLP/HTTP with protobuf bodies (OpenTelemetry protocol specification, "OTLP/HTTP").
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "exporter/exporter.h"
#include "exporter/http_client.h"

namespace weft {

struct OtlpOptions {
  std::string name = "otlp";
  std::string endpoint;         // base URL; /v1/traces is added
  std::string traces_endpoint;  // whole URL; wins (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
  std::string version;          // of weft: scope version
  HttpClientOptions http{.gzip = true};
  std::size_t max_request_bytes = 4u * 1024 * 1024 - 1;  // before compression
};

// "http://host:4318" and "http://host:4318/" -> "http://host:4318/v1/traces"; a path prefix is kept.
std::string otlp_traces_url(const OtlpOptions& options);

Result<std::unique_ptr<Exporter>> make_otlp_exporter(OtlpOptions options);

// An ExportTraceServiceRequest, grouped by resource, in order of first appearance. `memory`: of an earlier one.
std::string encode_otlp(const SpanBatch& batch, const std::string& version, std::string memory = {});

}  // namespace weft
