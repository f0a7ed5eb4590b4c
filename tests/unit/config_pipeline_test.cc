// SPDX-License-Identifier: Apache-2.0
// What the configuration means to the pipeline.
#include <doctest/doctest.h>

#include "control/pipeline_options.h"

using namespace weft;
using namespace std::chrono_literals;

TEST_CASE("config: an open exchange is given up an hour after the kernel has had its time to call it idle") {
  Config config;
  CHECK(pipeline_options(config).limits.open_ns == std::chrono::nanoseconds(1h + 60s).count());
  config.capture.idle_timeout = 24h;
  CHECK(pipeline_options(config).limits.open_ns == std::chrono::nanoseconds(25h).count());
}

TEST_CASE("config: routes and masks reach the pipeline") {
  Config config;
  config.routes = {{"/users/{id}"}, RoutesConfig::Unmatched::wildcard, {"/healthz"}};
  config.capture.headers = {"x-kept"};
  config.spans.baggage_attributes = {"tenant"};
  const PipelineOptions options = pipeline_options(config);
  CHECK(options.routes.patterns == config.routes.patterns);
  CHECK(options.routes.unmatched == RouteOptions::Unmatched::wildcard);
  CHECK(options.routes.ignored == config.routes.ignored);
  CHECK(options.mask.captured_headers() == config.capture.headers);
  CHECK(options.mask.baggage_values() == config.spans.baggage_attributes);
}
