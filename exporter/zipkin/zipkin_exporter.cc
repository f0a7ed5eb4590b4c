// SPDX-License-Identifier: Apache-2.0
#include "exporter/zipkin/zipkin_exporter.h"

#include <utility>

namespace weft {
namespace {

class ZipkinExporter final : public Exporter {
 public:
  ZipkinExporter(ZipkinOptions options, std::unique_ptr<HttpClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  std::string_view name() const override { return options_.name; }

  ExportResult send(const SpanBatch& batch) override {
    return judge(client_->post("application/json", encode_zipkin(batch, options_.version)));
  }

  void cancel() override { client_->cancel(); }

 private:
  const ZipkinOptions options_;
  const std::unique_ptr<HttpClient> client_;
};

}  // namespace

Result<std::unique_ptr<Exporter>> make_zipkin_exporter(ZipkinOptions options) {
  auto client = HttpClient::create(options.endpoint, options.http);
  if (!client) return std::unexpected(client.error());
  return std::make_unique<ZipkinExporter>(std::move(options), std::move(*client));
}

}  // namespace weft
