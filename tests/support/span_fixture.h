// SPDX-License-Identifier: Apache-2.0
// A pipeline with a clock that stands and two known processes: 100 = orders, 200 = stock.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/pipeline_core.h"
#include "support/wire_events.h"

namespace weft::testing {

inline std::shared_ptr<const Resource> resource_named(const std::string& name, std::int64_t pid) {
  auto resource = std::make_shared<Resource>();
  resource->service_name = name;
  resource->attributes.set("service.name", name);
  resource->attributes.set("process.pid", pid);
  return resource;
}

class KnownProcesses final : public ResourceSource {
 public:
  std::shared_ptr<const Resource> of(pid_t tgid) override {
    return tgid == 100 ? orders_ : tgid == 200 ? stock_ : nullptr;
  }
  bool instrumented(pid_t tgid) override { return tgid == with_sdk; }
  pid_t with_sdk = 0;

 private:
  std::shared_ptr<const Resource> orders_ = resource_named("orders", 100), stock_ = resource_named("stock", 200);
};

struct SpanFixture {
  explicit SpanFixture(PipelineOptions options = {})
      : clock(make_clock()),
        pipeline(std::move(options), clock, processes, [this](Assembled a) { out.push_back(a); }) {}

  // Feeds both events; the span they give.
  const Span& span_of(const request_event& request, std::string_view head, const response_event& response,
                      std::string_view response_head = {}) {
    pipeline.feed(with_text(request, head));
    pipeline.feed(with_text(response, response_head));
    return *out.back().span;
  }
  bool recorded() const { return out.back().record; }

  static ManualClock make_clock() {
    ManualClock clock;
    clock.monotonic = 1000;
    clock.unix_time = 1'700'000'000'000'001'000;
    return clock;
  }

  ManualClock clock;
  KnownProcesses processes;
  std::vector<Assembled> out;
  SpanPipeline pipeline;
};

}  // namespace weft::testing
