// SPDX-License-Identifier: Apache-2.0
// Which changes of the configuration wait for a restart: said by name, and nothing that takes effect is among them.
#include <doctest/doctest.h>

#include <functional>

#include "control/config.h"

namespace weft {
namespace {

using Keys = std::vector<std::string>;

Keys after(const std::function<void(Config&)>& change) {
  const Config running;
  Config wanted;
  change(wanted);
  return keys_for_a_restart(running, wanted);
}

}  // namespace

TEST_CASE("config: what changes while the agent runs needs no restart") {
  CHECK(after([](Config&) {}).empty());
  CHECK(after([](Config& c) {
          c.propagation.extract = {ContextFormat::b3};
          c.propagation.inject.clear();
          c.propagation.protocols = {Protocol::http};
          c.propagation.context_destinations.kind = DestinationSet::Kind::none;
          c.propagation.trust_incoming = false;
          c.discovery.orphans_root = false;
          c.discovery.never_enrol = {"*"};
          c.discovery.poll_interval_ns = 1;
          c.kafka.topics = {"a"};
          c.kafka.span_per_batch = true;
          c.routes.ignored = {"/healthz"};
          c.baggage.max_members = 1;
          c.log.format = LogFormat::json;
        }).empty());
}

TEST_CASE("config: every key that needs a restart is named") {
  CHECK(after([](Config& c) { c.propagation.response_header = {.x_trace_id = true}; }) ==
        Keys{"propagation.response_header"});
  CHECK(after([](Config& c) { c.spans.baggage_attributes = {"a"}; }) == Keys{"spans.baggage_attributes"});
  CHECK(after([](Config& c) { c.capture.headers = {"a"}; }) == Keys{"capture.headers"});
  CHECK(after([](Config& c) { c.capture.hook = CaptureHook::kprobe; }) == Keys{"capture.hook"});
  CHECK(after([](Config& c) { c.capture.openssl = false; }) == Keys{"capture.openssl"});
  CHECK(after([](Config& c) { c.capture.idle_timeout = {}; }) == Keys{"capture.idle_timeout"});
  CHECK(after([](Config& c) { c.capture.header_bytes = c.capture.ring_bytes = c.capture.max_connections = 1; }) ==
        Keys{"capture.header_bytes", "capture.ring_bytes", "capture.max_connections"});
  CHECK(after([](Config& c) { c.exporters.otlp.emplace_back().tls.ca = "a"; }) == Keys{"exporters.otlp"});
  CHECK(after([](Config& c) {
          c.exporters.zipkin.emplace_back();
          c.exporters.console = ConsoleFormat::json;
          c.exporters.prometheus.path = "/";
        }) == Keys{"exporters.zipkin", "exporters.console.format", "exporters.prometheus"});
  CHECK(after([](Config& c) {
          c.store = {1, 1};
          c.control.socket = "/s";
          c.shutdown_timeout = {};
        }) == Keys{"store.traces", "store.bytes", "control.socket", "shutdown_timeout"});
}

}  // namespace weft
