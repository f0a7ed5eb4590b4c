// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the HTTP/1.1 parser goes through the same states as the user-space build, scan by scan.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "support/http1_cases.h"
#include "support/http1_corpus.h"
#include "support/http1_driver.h"
#include "support/http1_reference.h"
#include "support/wire_door.h"

namespace weft::test {
namespace {

struct Doors {
  KernelDoor door;
  long scans = 0;
  long differing = 0;

  // One scan in the kernel. The user-space build runs on a copy and has to end in the same state.
  __u32 scan(http1& state, head_text* text, __u32 from, __u32 to) {
    wire_door& slot = door.slot();
    http1 here = state;
    memcpy(slot.text.bytes, text->bytes, to + HEAD_TEXT_SLACK);
    slot.http = state;
    slot.from = from;
    slot.to = to;
    door.http1();
    const __u32 result = http1_scan(&here, text, from, to);
    scans++;
    if (slot.result != result || memcmp(&slot.http, &here, sizeof here) != 0) differing++;
    state = slot.http;
    return slot.result;
  }
  Http1Driver driver() {
    return Http1Driver(
        [this](http1& state, head_text* text, __u32 from, __u32 to) { return scan(state, text, from, to); });
  }
};

Doors& doors() {
  static Doors the_doors;
  return the_doors;
}

}  // namespace

TEST_CASE("HTTP/1.1 in the kernel: the table of rules, at every split") {
  Http1Driver driver = doors().driver();
  for (const Http1Case& c : http1_cases()) {
    CAPTURE(c.rule);
    const Http1Run expected = reference_http1(c.text, c.responses, c.request_method);
    each_split(c.text, [&](const std::vector<std::string_view>& pieces) {
      const Http1Run got = driver.run(pieces, c.responses, c.request_method);
      REQUIRE(got.outcome == c.outcome);
      REQUIRE(got.messages == expected.messages);
    });
  }
  CHECK(doors().differing == 0);
}

TEST_CASE("HTTP/1.1 in the kernel: the fuzz corpus and 20,000 mutations of it") {
  Http1Driver kernel = doors().driver(), here;
  std::vector<Http1FuzzInput> inputs = http1_mutations(20000);
  const std::vector<Http1FuzzInput> corpus = http1_corpus();
  REQUIRE(corpus.size() >= 40);
  inputs.insert(inputs.end(), corpus.begin(), corpus.end());
  const long before = doors().scans;
  for (const Http1FuzzInput& input : inputs) {
    const Http1Run got = kernel.run(input.pieces(), input.responses, input.request_method);
    CAPTURE(input.text);
    REQUIRE(got == here.run(input.pieces(), input.responses, input.request_method));
    REQUIRE(doors().differing == 0);
  }
  CHECK(doors().scans - before > 20000);
}

}  // namespace weft::test
