// SPDX-License-Identifier: Apache-2.0
// What RedMetrics costs for one span: 200 label sets in turn, as an agent sees them.
#include <chrono>
#include <cstdio>

#include "exporter/prometheus/red_metrics.h"
#include "support/sample_spans.h"

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
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < rounds; round++)
      for (const SpanPtr& span : spans) metrics.offer(span);
    const auto time = std::chrono::steady_clock::now() - start;
    return std::chrono::duration<double, std::nano>(time).count() / (rounds * 200.0);
  };
  run();
  std::printf("RedMetrics: %.0f ns a span\n", run());
  const auto start = std::chrono::steady_clock::now();
  const std::size_t families = metrics.Collect().size();
  std::printf("Collect: %.0f us, %zu families\n",
              std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count(), families);
}
