// SPDX-License-Identifier: Apache-2.0
#include "agent/sinks.h"

#include <unistd.h>

#include <string>

#include "agent/export_log.h"
#include "agent/version.h"
#include "exporter/console/console_exporter.h"
#include "exporter/otlp/otlp_exporter.h"
#include "exporter/zipkin/zipkin_exporter.h"

namespace weft {
namespace {

constexpr std::size_t kMostAlike = 2048;

std::chrono::milliseconds milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

// "otlp", or "otlp-2" for the second of several.
std::string numbered(const char* name, std::size_t index) {
  return index == 0 ? name : std::string(name) + "-" + std::to_string(index + 1);
}

TlsOptions tls_options(const TlsConfig& config) { return {config.ca, config.cert, config.key}; }

OtlpOptions otlp_options(const OtlpConfig& config, std::string name) {
  OtlpOptions options;
  options.name = std::move(name);
  options.endpoint = config.endpoint;
  options.traces_endpoint = config.traces_endpoint;
  options.version = kVersion;
  options.http.timeout = milliseconds(config.timeout);
  options.http.gzip = config.gzip;
  options.http.headers = config.headers;
  options.http.tls = tls_options(config.tls);
  return options;
}

}  // namespace

Sinks::Sinks(const Config& config, const Clock& clock)
    : store(config.store.traces, config.store.bytes), routes(clock) {}

Result<std::unique_ptr<Sinks>> Sinks::create(const Config& config, const Clock& clock) {
  std::unique_ptr<Sinks> sinks(new Sinks(config, clock));
  if (auto added = sinks->add_exporters(config, clock); !added) return std::unexpected(added.error());
  return sinks;
}

Result<void> Sinks::add_exporters(const Config& config, const Clock& clock) {
  for (std::size_t i = 0; i < config.exporters.otlp.size(); ++i) {
    const auto& otlp = config.exporters.otlp[i];
    if (!otlp.enabled()) continue;
    const OtlpOptions wanted = otlp_options(otlp, numbered("otlp", i));
    auto exporter = make_otlp_exporter(wanted);
    if (!exporter) return fail("exporters.otlp: " + exporter.error().message);
    BatchQueueOptions options;
    options.queue = otlp.queue;
    options.batch = otlp.batch;
    options.delay = milliseconds(otlp.delay);
    add(std::move(*exporter), std::move(options), otlp_traces_url(wanted), "exporters.otlp");
  }
  for (std::size_t i = 0; i < config.exporters.zipkin.size(); ++i) {
    const auto& zipkin = config.exporters.zipkin[i];
    if (!zipkin.enabled()) continue;
    auto exporter = make_zipkin_exporter(
        {numbered("zipkin", i), zipkin.endpoint, kVersion, {.tls = tls_options(zipkin.tls), .headers = {}}});
    if (!exporter) return fail("exporters.zipkin: " + exporter.error().message);
    add(std::move(*exporter), {}, zipkin.endpoint, "exporters.zipkin");
  }
  if (config.exporters.console != ConsoleFormat::off) {
    ConsoleOptions console;
    console.format =
        config.exporters.console == ConsoleFormat::json ? ConsoleOptions::Format::json : ConsoleOptions::Format::tree;
    console.waterfall.color = ::isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR");
    BatchQueueOptions options;
    options.delay = std::chrono::milliseconds(100);
    add(std::make_unique<ConsoleExporter>(console, clock), std::move(options), "", "exporters.console");
  }
  return {};
}

void Sinks::add(std::unique_ptr<Exporter> exporter, BatchQueueOptions options, const std::string& endpoint,
                const char* key) {
  options.on_change = [target = ExportTarget{std::string(exporter->name()), endpoint, key, options.queue}](
                          const ExportChange& change) { log_export(target, change); };
  options.endpoint = shown_endpoint(endpoint);
  options.on_drop = [this](const Span& span, std::string_view reason) { metrics.dropped(span, reason); };
  queues_.push_back(std::make_unique<BatchQueue>(std::move(exporter), std::move(options)));
}

Sinks::Alike& Sinks::alike(const std::shared_ptr<const void>& shared, const Span& span) {
  const auto known = alike_.find(shared.get());
  if (known != alike_.end() && !known->second.shared.expired()) return known->second;
  if (alike_.size() >= kMostAlike) alike_.clear();
  Span like = span;
  if (like.attributes.common) like.attributes.items.clear();  // what is its own is not that of the others
  return alike_.insert_or_assign(shared.get(), Alike{shared, metrics.request_of(like), {}}).first->second;
}

void Sinks::count_route(Alike& alike, const Span& like, std::uint64_t duration_ns) {
  if (!alike.row) alike.row = routes.row_of(like);
  if (*alike.row) routes.add(**alike.row, duration_ns, like.status == StatusCode::error);
}

void Sinks::observe(const Assembled& assembled) {
  const Span& span = *assembled.span;
  const bool of_route = assembled.record || assembled.unsampled;
  if (!span.attributes.common) {
    metrics.observe(span);
    if (of_route) routes.offer(assembled.span);
    return;
  }
  Alike& known = alike(span.attributes.common, span);
  metrics.observe(known.request, span);
  if (of_route) count_route(known, span, span.end_unix_ns - span.start_unix_ns);
}

void Sinks::take(const Assembled& assembled) {
  observe(assembled);
  if (assembled.record) keep(assembled.span);
}

void Sinks::keep(const SpanPtr& span) {
  store.offer(span);
  for (const auto& queue : queues_) queue->offer(span);
}

void Sinks::count(const SpanPtr& like, std::uint64_t duration_ns) {
  Alike& known = alike(like, *like);
  metrics.observe_unsampled(known.request, duration_ns);
  count_route(known, *like, duration_ns);
}

void Sinks::shutdown(std::chrono::milliseconds bound) {
  for (const auto& queue : queues_) queue->start_shutdown(bound);
  for (const auto& queue : queues_) queue->shutdown(bound);
}

std::vector<ExportCounters> Sinks::counters() const {
  std::vector<ExportCounters> all;
  all.reserve(queues_.size());
  for (const auto& queue : queues_) all.push_back(queue->counters());
  return all;
}

}  // namespace weft
