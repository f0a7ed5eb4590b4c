// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/otlp_exporter.h"

#include <algorithm>
#include <utility>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace weft {
namespace {

constexpr std::string_view protobuf_type = "application/x-protobuf";
constexpr std::size_t kKeptBytes = 1u << 20;  // more is rare

// "Partial success" of the specification: taken, never to be sent again.
void read_partial_success(const HttpResponse& response, ExportResult& result) {
  if (!response.content_type.starts_with(protobuf_type)) return;
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse answer;
  if (!answer.ParseFromString(response.body) || !answer.has_partial_success()) return;
  result.rejected_spans =
      static_cast<std::size_t>(std::max<std::int64_t>(answer.partial_success().rejected_spans(), 0));
  if (result.rejected_spans == 0 && answer.partial_success().error_message().empty()) return;
  result.reason = "partial_success";
  result.detail = answer.partial_success().error_message().substr(0, 200);
}

class OtlpExporter final : public Exporter {
 public:
  OtlpExporter(OtlpOptions options, std::unique_ptr<HttpClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  std::string_view name() const override { return options_.name; }

  ExportResult send(const SpanBatch& batch) override {
    body_ = encode_otlp(batch, options_.version, std::move(body_));
    const ExportResult result = send_body();
    if (body_.capacity() > kKeptBytes) body_ = std::string();
    return result;
  }

  void cancel() override { client_->cancel(); }

 private:
  ExportResult send_body() {
    if (body_.size() > options_.max_request_bytes)
      return {.outcome = ExportResult::Outcome::too_large, .reason = "too_large"};
    const HttpResponse response = client_->post(protobuf_type, body_);
    ExportResult result = judge(response);
    if (result.outcome == ExportResult::Outcome::accepted) read_partial_success(response, result);
    return result;
  }

  const OtlpOptions options_;
  const std::unique_ptr<HttpClient> client_;
  std::string body_;  // of the request at hand; kept, or its pages would be taken from the kernel anew each time
};

}  // namespace

std::string otlp_traces_url(const OtlpOptions& options) {
  if (!options.traces_endpoint.empty()) return options.traces_endpoint;
  std::string url = options.endpoint;
  while (url.ends_with('/')) url.pop_back();
  return url + "/v1/traces";
}

Result<std::unique_ptr<Exporter>> make_otlp_exporter(OtlpOptions options) {
  auto client = HttpClient::create(otlp_traces_url(options), options.http);
  if (!client) return std::unexpected(client.error());
  return std::make_unique<OtlpExporter>(std::move(options), std::move(*client));
}

}  // namespace weft
