// SPDX-License-Identifier: Apache-2.0
// By which rule the calls of a process over HTTP/2 are tied to requests, as `weft ps` says it.
#include <doctest/doctest.h>

#include "agent/task_rules.h"

using namespace weft;

namespace {

const TaskRuleText kThread{"thread", "its threads block"}, kGoroutine{"goroutine", "go1.26"},
    kLoop{"none", "event loop: its server sockets do not block"};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("HTTP/2: the thread rule holds once a thread has shown it, and not where several write") {
  ProcessFindings found;
  CHECK(http2_rule(kThread, nullptr, found).rule == "none");
  CHECK(has(http2_rule(kThread, nullptr, found).why, "so far"));
  found.http2_writer = true;
  CHECK(http2_rule(kThread, nullptr, found).rule == "thread");
  CHECK_FALSE(has(http2_rule(kThread, nullptr, found).why, "several"));
  found.http2_writers = true;
  CHECK(http2_rule(kThread, nullptr, found).rule == "thread");
  CHECK(has(http2_rule(kThread, nullptr, found).why, "nobody's where several write"));
  found.http2_writer = false;
  CHECK(http2_rule(kThread, nullptr, found).rule == "none");
  CHECK(http2_rule(kThread, nullptr, found).why == "several threads write the requests of one connection");
}

TEST_CASE("HTTP/2: goroutines by the probes that there are") {
  KernelTarget::GoState go;
  go.traced = true;
  go.served_streams = "handlers of HTTP/2";
  const ProcessFindings writer{.http2_writer = true};  // says nothing of goroutines
  CHECK(http2_rule(kGoroutine, &go, writer).rule == "none");
  go.called_streams = "requests of HTTP/2, calls of gRPC";
  CHECK(http2_rule(kGoroutine, &go, writer).rule == "goroutine");
  CHECK(has(http2_rule(kGoroutine, &go, writer).why, "by probes: requests of HTTP/2, calls of gRPC"));
  CHECK(goroutine_rule(go, nullptr).rule == "none");
  const GoroutineFindings learned;
  CHECK(has(goroutine_rule(go, &learned).why, "; handlers of HTTP/2; requests of HTTP/2, calls of gRPC"));
}

TEST_CASE("HTTP/2: where no call is tied to a request, those are not either, for the same reason") {
  const auto text = http2_rule(kLoop, nullptr, {.http2_writer = true});
  CHECK(text.rule == kLoop.rule);
  CHECK(text.why == kLoop.why);
}
