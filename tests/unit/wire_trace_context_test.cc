// SPDX-License-Identifier: Apache-2.0
// The trace context parsers of bpf/wire against the plain reference: random values that end at a guard page.
#include <doctest/doctest.h>

#include <memory>

#include "support/trace_context_cases.h"
#include "support/trace_context_reference.h"
#include "wire/traceparent.h"
#include "wire/tracestate.h"

namespace weft::test {
namespace {

std::string hex(const __u8* bytes, size_t count) {
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; i++) text += {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
  return text;
}

}  // namespace

TEST_CASE("traceparent: 60,000 random values give what the reference gives") {
  Random random(1);
  GuardedText text(random);
  int valid = 0, malformed = 0, zero = 0;
  for (int i = 0; i < 60000; i++) {
    const std::string value = random_traceparent(random);
    text.place({value});
    traceparent ids{};
    const traceparent_result result = traceparent_parse(text.text(), text.first(), &ids);
    const auto expected = reference_traceparent(value);
    CAPTURE(value);
    if (!expected) {
      REQUIRE(result == TRACEPARENT_MALFORMED);
      malformed++;
      continue;
    }
    REQUIRE(result == (expected->zero_id ? TRACEPARENT_ZERO_ID : TRACEPARENT_OK));
    REQUIRE(hex(ids.trace_id, 16) == expected->trace_id);
    REQUIRE(hex(ids.parent_id, 8) == expected->parent_id);
    REQUIRE(ids.version == expected->version);
    REQUIRE(ids.flags == expected->flags);
    ++(expected->zero_id ? zero : valid);
    alignas(8) __u8 written[TRACEPARENT_ROOM];
    traceparent_format(written, ids.trace_id, ids.parent_id, ids.flags);
    const std::string again =
        "00-" + expected->trace_id + "-" + expected->parent_id + "-0" + static_cast<char>('0' + (expected->flags & 3));
    REQUIRE(std::string(reinterpret_cast<char*>(written), 55) == again);
    REQUIRE(written[55] == 0);
  }
  // The generator reaches all three outcomes often.
  CHECK(valid > 5000);
  CHECK(malformed > 5000);
  CHECK(zero > 2000);
}

TEST_CASE("tracestate: 60,000 random lists give what the reference gives") {
  Random random(2);
  GuardedText text(random);
  auto work = std::make_unique<tracestate_work>();
  auto out = std::make_unique<tracestate_text>();
  int valid = 0, shortened = 0, discarded = 0;
  for (int i = 0; i < 60000; i++) {
    const std::vector<std::string> lines = random_tracestate(random);
    const std::optional<size_t> ot = random_ot(random);
    text.place(lines);
    const int result = tracestate_join(text.text(), &text.lines(), work.get(), out.get(),
                                       static_cast<__u32>(ot.value_or(TRACESTATE_OT_KEPT)));
    const std::string got(reinterpret_cast<char*>(out->bytes), out->length);
    const auto expected = reference_tracestate(lines, ot);
    CAPTURE(lines);
    if (!expected || lines.size() > TEXT_LINES_MAX) {
      REQUIRE(result == TRACESTATE_DISCARDED);
      REQUIRE(got.empty());
      discarded++;
      continue;
    }
    REQUIRE(result == TRACESTATE_VALID);
    REQUIRE(got == expected->text);
    REQUIRE(out->dropped == static_cast<__u32>(expected->dropped));
    ++(expected->dropped ? shortened : valid);
  }
  CHECK(valid > 5000);
  CHECK(shortened > 2000);
  CHECK(discarded > 5000);
}

}  // namespace weft::test
