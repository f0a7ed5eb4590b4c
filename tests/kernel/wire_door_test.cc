// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the trace context parsers gives what the user-space build gives, on the same bytes.
#include "support/wire_door.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "support/trace_context_cases.h"

namespace weft::test {
namespace {

KernelDoor& door() {
  static KernelDoor the_door;
  return the_door;
}

// The same text at the same offsets, the same bytes behind it.
void give(const GuardedText& text) {
  const std::string bytes = text.bytes();
  memcpy(door().slot().text.bytes, bytes.data(), bytes.size());
  door().slot().lines = text.lines();
  door().slot().range = text.first();
}

}  // namespace

TEST_CASE("the verifier walks few instructions") {
  const std::string report = door().verified();
  printf("verified instructions:\n%s", report.c_str());
  for (size_t at = 0; at < report.size(); at = report.find('\n', at) + 1) {
    const size_t space = report.find(' ', at);
    CAPTURE(report.substr(at, space - at));
    if (report.compare(at, 8, "on_http1") == 0) continue;
    CHECK(std::stoul(report.substr(space + 1)) < (report.compare(at, 9, "on_policy") == 0 ? 20000 : 10000));
  }
}

TEST_CASE("traceparent: 20,000 random values, kernel equals user space") {
  Random random(11);
  GuardedText text(random);
  int valid = 0;
  for (int i = 0; i < 20000; i++) {
    const std::string value = random_traceparent(random);
    text.place({value});
    give(text);
    traceparent ids{};
    const traceparent_result result = traceparent_parse(text.text(), text.first(), &ids);
    door().slot().ids = {};
    door().traceparent();
    CAPTURE(value);
    REQUIRE(door().slot().result == result);
    if (result == TRACEPARENT_MALFORMED) continue;
    REQUIRE(memcmp(&door().slot().ids, &ids, sizeof ids) == 0);
    alignas(8) __u8 written[TRACEPARENT_ROOM];
    traceparent_format(written, ids.trace_id, ids.parent_id, ids.flags);
    door().traceparent_format();
    REQUIRE(memcmp(door().slot().formatted, written, sizeof written) == 0);
    valid++;
  }
  CHECK(valid > 2000);
}

TEST_CASE("tracestate: 20,000 random lists, kernel equals user space") {
  Random random(12);
  GuardedText text(random);
  auto work = std::make_unique<tracestate_work>();
  auto out = std::make_unique<tracestate_text>();
  int valid = 0;
  for (int i = 0; i < 20000; i++) {
    const std::vector<std::string> lines = random_tracestate(random);
    text.place(lines);
    give(text);
    const auto ot = static_cast<__u32>(random_ot(random).value_or(TRACESTATE_OT_KEPT));
    door().slot().ot = ot;
    const int result = tracestate_join(text.text(), &text.lines(), work.get(), out.get(), ot);
    door().tracestate();
    const tracestate_text& kernel = door().slot().tracestate;
    CAPTURE(lines);
    REQUIRE(door().slot().result == static_cast<__u32>(result));
    REQUIRE(kernel.length == out->length);
    REQUIRE(kernel.dropped == out->dropped);
    REQUIRE(memcmp(kernel.bytes, out->bytes, out->length) == 0);
    valid += result == TRACESTATE_VALID && out->length > 0;
  }
  CHECK(valid > 5000);
}

}  // namespace weft::test
