// SPDX-License-Identifier: Apache-2.0
#include "control/config.h"

namespace weft {

std::vector<std::string> keys_for_a_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  const auto compare = [&](const char* key, const auto& value_of) {
    if (value_of(running) != value_of(wanted)) keys.emplace_back(key);
  };
  compare("propagation.response_header", [](const Config& c) { return c.propagation.response_header; });
  compare("spans.baggage_attributes", [](const Config& c) { return c.spans.baggage_attributes; });
  compare("capture.headers", [](const Config& c) { return c.capture.headers; });
  compare("capture.header_bytes", [](const Config& c) { return c.capture.header_bytes; });
  compare("capture.ring_bytes", [](const Config& c) { return c.capture.ring_bytes; });
  compare("capture.max_connections", [](const Config& c) { return c.capture.max_connections; });
  compare("capture.hook", [](const Config& c) { return c.capture.hook; });
  compare("capture.openssl", [](const Config& c) { return c.capture.openssl; });
  compare("capture.idle_timeout", [](const Config& c) { return c.capture.idle_timeout; });
  compare("kafka.follow_consumers", [](const Config& c) { return c.kafka.follow_consumers; });
  if (running.kafka.follow_consumers) {
    // The kernel knows them, too, or counts on a span for each record.
    compare("kafka.topics", [](const Config& c) { return c.kafka.topics; });
    compare("kafka.trace_id_header", [](const Config& c) { return c.kafka.trace_id_header; });
    compare("kafka.span_per", [](const Config& c) { return c.kafka.span_per_batch; });
  }
  compare("exporters.otlp", [](const Config& c) { return c.exporters.otlp; });
  compare("exporters.zipkin", [](const Config& c) { return c.exporters.zipkin; });
  compare("exporters.console.format", [](const Config& c) { return c.exporters.console; });
  compare("exporters.prometheus", [](const Config& c) { return c.exporters.prometheus; });
  compare("store.traces", [](const Config& c) { return c.store.traces; });
  compare("store.bytes", [](const Config& c) { return c.store.bytes; });
  compare("control.socket", [](const Config& c) { return c.control.socket; });
  compare("shutdown_timeout", [](const Config& c) { return c.shutdown_timeout; });
  return keys;
}

}  // namespace weft
