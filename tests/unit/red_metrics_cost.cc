// SPDX-License-Identifier: Apache-2.0
// What RedMetrics costs for one span, in CPU time (the machine may be busy): 200 label sets in turn, as an agent sees
// them.
#include <cstdio>
#include <ctime>

#include "exporter/prometheus/red_metrics.h"
#include "support/sample_spans.h"

namespace {

double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

}  // namespace

int main() {
  using namespace weft;
  std::vector<SpanPtr> spans;
  for (int i = 0; i < 200; i++) {
    Span span = i % 2 == 0 ? test::sample_server_span() : test::sample_client_span();
    span.attributes.set("http.route", "/route/" + std::to_string(i));
    for (const char* key : {"url.scheme", "url.query", "client.address", "user_agent.original", "network.peer.port"})
      span.attributes.set(key, std::string("some value of an attribute"));
    spans.push_back(test::share(span));
  }
  RedMetrics metrics;
  constexpr int rounds = 10'000;
  const auto run = [&] {
    const double start = cpu_ns();
    for (int round = 0; round < rounds; round++)
      for (const SpanPtr& span : spans) metrics.offer(span);
    return (cpu_ns() - start) / (rounds * 200.0);
  };
  run();
  std::printf("RedMetrics: %.0f ns a span\n", run());
  const double start = cpu_ns();
  const std::size_t families = metrics.Collect().size();
  std::printf("Collect: %.0f us, %zu families\n", (cpu_ns() - start) / 1e3, families);
}
