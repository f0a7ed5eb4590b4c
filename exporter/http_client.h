// SPDX-License-Identifier: Apache-2.0
// POST and GET over one kept-alive connection: a thin owner of libcurl handles.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "exporter/exporter.h"

namespace weft {

struct TlsOptions {
  std::string ca;    // PEM file; when given, only these are trusted. Empty = the system's
  std::string cert;  // client certificate and key, PEM; both or none
  std::string key;
};

struct HttpClientOptions {
  std::chrono::milliseconds timeout{10'000};  // whole request, name look-up to last byte
  std::chrono::milliseconds connect_timeout{5'000};
  bool gzip = false;
  TlsOptions tls;
  std::map<std::string, std::string> headers;  // sent with every request
  std::size_t max_response_bytes = 64 * 1024;  // the rest is not read
};

struct HttpResponse {
  int status = 0;      // 0 = no answer
  std::string error;   // "" = a whole answer; else one word: connect, resolve, timeout, tls, reset,
                       // incomplete, cancelled, protocol
  std::string detail;  // for the log
  std::string content_type;
  std::string body;   // at most max_response_bytes
  bool whole = true;  // false: the body was longer
  std::optional<std::chrono::milliseconds> retry_after;
};

// Not thread-safe, except cancel().
class HttpClient {
 public:
  // Fails on a URL that is not http(s)://host…, and on TLS files that cannot be read.
  static Result<std::unique_ptr<HttpClient>> create(const std::string& url, HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  HttpResponse post(std::string_view content_type, std::string_view body);
  HttpResponse get(const std::string& url);  // of the same server, or the connection is of no use
  // From any thread; for good: the running request and all later ones end with "cancelled".
  void cancel();

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What an answer means for a batch (OTLP/HTTP, "Failures"; the same for Zipkin): 2xx accepted; 429, 502, 503, 504 and
// connection trouble retry; 413 too large; everything else refused.
ExportResult judge(const HttpResponse& response);

}  // namespace weft
