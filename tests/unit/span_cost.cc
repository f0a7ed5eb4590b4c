// SPDX-License-Identifier: Apache-2.0
// What one span costs from the two event records to the finished span, freed again. A tool, no test: prints ns per
// span.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "assemble/pipeline_core.h"
#include "support/wire_events.h"

namespace {

using namespace weft;
using namespace weft::testing;

class OneResource final : public ResourceSource {
 public:
  std::shared_ptr<const Resource> of(pid_t) override { return resource_; }

 private:
  std::shared_ptr<const Resource> resource_ = std::make_shared<Resource>(Resource{"orders", {}});
};

struct Case {
  const char* name;
  request_event request;
  std::string head;
};

// CPU time: other load on the machine does not count.
double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double ns_per_span(const Case& what, std::size_t spans) {
  ManualClock clock;
  OneResource resource;
  std::size_t made = 0;
  SpanPipeline pipeline({}, clock, resource, [&](Assembled assembled) { made += assembled.span != nullptr; });
  Bytes request = with_text(what.request, what.head), response = with_text(response_to(what.request, 2000), "");
  const double start = cpu_ns();
  for (std::size_t i = 1; i <= spans; i++) {
    const __u64 id = i;
    std::memcpy(request.data() + offsetof(request_event, exchange_id), &id, sizeof(id));
    std::memcpy(response.data() + offsetof(response_event, exchange_id), &id, sizeof(id));
    pipeline.feed(request);
    pipeline.feed(response);
  }
  return made == spans ? (cpu_ns() - start) / static_cast<double>(spans) : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t spans = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 500'000;
  request_event incoming = server_request(1, 1000);
  incoming.attribution = ATTRIBUTION_INCOMING;
  incoming.facts |= REQUEST_HAS_CONTEXT;
  const std::string wrk = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
  const std::string browser =
      "GET /users/12345/orders?page=2&token=abcdef HTTP/1.1\r\nHost: shop.example:8080\r\n"
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
      "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
      "Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\n"
      "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abcdef\r\n"
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
      "tracestate: congo=t61rcWkgMzE\r\nbaggage: user.id=42,tenant=acme\r\n\r\n";
  for (const Case& what : {Case{"server, wrk head", server_request(1, 1000), wrk},
                           Case{"server, browser head with context", incoming, browser},
                           Case{"client, short head", client_request(1, 0, 1000), wrk}}) {
    std::vector<double> runs;
    for (int i = 0; i < 5; i++) runs.push_back(ns_per_span(what, spans));
    std::sort(runs.begin(), runs.end());
    std::printf("%-36s %7.0f ns CPU/span (median of 5; %.0f to %.0f)\n", what.name, runs[2], runs[0], runs[4]);
  }
  return 0;
}
