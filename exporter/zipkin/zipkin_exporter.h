// SPDX-License-Identifier: Apache-2.0
// Zipkin v2 JSON over HTTP.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "exporter/exporter.h"
#include "exporter/http_client.h"

namespace weft {

struct ZipkinOptions {
  std::string name = "zipkin";
  std::string endpoint;  // whole URL: http://127.0.0.1:9411/api/v2/spans
  std::string version;   // of weft: tag otel.scope.version
  HttpClientOptions http;
};

Result<std::unique_ptr<Exporter>> make_zipkin_exporter(ZipkinOptions options);

// A JSON array.
std::string encode_zipkin(const SpanBatch& batch, const std::string& version);

}  // namespace weft
