// SPDX-License-Identifier: Apache-2.0
// For whom the calls of each process were made.
#include <doctest/doctest.h>

#include "support/span_fixture.h"

using namespace weft;
using namespace weft::testing;

namespace {

void call(SpanFixture& f, std::uint64_t id, pid_t pid, attribution parent, injection_result injection) {
  request_event request = client_request(id, 0, 1000 * id);
  request.tgid = static_cast<__u32>(pid);
  request.attribution = parent;
  request.injection = injection;
  f.pipeline.feed(with_text(request, "GET / HTTP/1.1\r\n\r\n"));
}

}  // namespace

TEST_CASE("calls: each process has its own counts, what has no parent by reason") {
  SpanFixture f;
  call(f, 1, 7, ATTRIBUTION_TASK, INJECTION_DONE);
  call(f, 2, 7, ATTRIBUTION_INHERITED, INJECTION_NO_BUDGET);
  call(f, 3, 7, ATTRIBUTION_CARRIED, INJECTION_OVERWRITTEN);
  call(f, 4, 7, ATTRIBUTION_NONE, INJECTION_NO_TASK);
  call(f, 5, 7, ATTRIBUTION_NONE, INJECTION_NO_TASK);
  call(f, 6, 7, ATTRIBUTION_NONE, INJECTION_AMBIGUOUS);
  call(f, 7, 7, ATTRIBUTION_NONE, INJECTION_OWN_HEADER);
  call(f, 8, 8, ATTRIBUTION_ROOT, INJECTION_DONE);
  CallsByProcess calls = f.pipeline.counters().calls;
  REQUIRE(calls.size() == 2);
  CHECK(calls[7].with_parent == 3);
  CHECK(calls[7].own_context == 1);
  CHECK(calls[7].roots == 0);
  CHECK(calls[7].without_parent ==
        std::map<std::uint8_t, std::uint64_t>{{INJECTION_NO_TASK, 2}, {INJECTION_AMBIGUOUS, 1}});
  CHECK(calls[8].roots == 1);
  CHECK(calls[8].without_parent.empty());
}

TEST_CASE("calls: what was received says a protocol and is no call") {
  SpanFixture f;
  request_event request = server_request(1, 1000);
  request.attribution = ATTRIBUTION_NONE;
  f.pipeline.feed(with_text(request, "GET / HTTP/1.1\r\n\r\n"));
  CallsByProcess calls = f.pipeline.counters().calls;
  REQUIRE(calls.size() == 1);
  const ProcessCalls& one = calls.begin()->second;
  CHECK(one.protocols == 1u << PROTOCOL_HTTP1);
  CHECK(one.without_parent.empty());
}

TEST_CASE("calls: exchanges that are reported in short count too") {
  SpanFixture f;
  unsampled_event exchange{};
  exchange.header.type = EVENT_UNSAMPLED;
  exchange.header.time_ns = 2000;
  exchange.tgid = 7;
  exchange.protocol = PROTOCOL_HTTP2;
  exchange.role = ROLE_CLIENT;
  f.pipeline.feed(with_text(exchange, "GET /"));
  exchange.facts = UNSAMPLED_ROOT;
  f.pipeline.feed(with_text(exchange, "GET /"));
  exchange.role = ROLE_SERVER;
  f.pipeline.feed(with_text(exchange, "GET /"));
  const CallsByProcess calls = f.pipeline.counters().calls;
  REQUIRE(calls.size() == 1);
  CHECK(calls.at(7).protocols == 1u << PROTOCOL_HTTP2);
  CHECK(calls.at(7).with_parent == 1);
  CHECK(calls.at(7).roots == 1);
}

TEST_CASE("calls: a process that ends or becomes another program is forgotten") {
  for (const auto change : {PROCESS_EXIT, PROCESS_EXEC}) {
    SpanFixture f;
    call(f, 1, 7, ATTRIBUTION_ROOT, INJECTION_DONE);
    call(f, 2, 9, ATTRIBUTION_ROOT, INJECTION_DONE);
    f.pipeline.feed(plain(process_change_of(7, change, 9000)));
    const CallsByProcess calls = f.pipeline.counters().calls;
    CHECK_FALSE(calls.contains(7));
    CHECK(calls.contains(9));
  }
}

TEST_CASE("calls: of no more processes than can be") {
  ProcessCallCounts counts;
  request_event request = client_request(1, 0, 1000);
  request.attribution = ATTRIBUTION_ROOT;
  for (__u32 pid = 1; pid <= 5000; ++pid) {
    request.tgid = pid;
    counts.request(request);
  }
  CHECK(counts.counts().size() == 4096);
}
