// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the context formats gives what the user-space build gives, on the same heads.
#include <doctest/doctest.h>

#include <cstring>

#include "support/context_cases.h"
#include "support/wire_door.h"

namespace weft::test {

TEST_CASE("contexts in every format: 10,000 random heads, kernel equals user space") {
  static KernelDoor door;
  Random random(14);
  ContextReader reader;
  int read = 0;
  for (int i = 0; i < 10000; i++) {
    const std::string head = random_head(random);
    CAPTURE(head);
    reader.scan(head);
    const std::string bytes = reader.text().bytes();
    wire_door& slot = door.slot();
    memcpy(slot.text.bytes, bytes.data(), bytes.size());
    slot.to = static_cast<__u32>(head.size());
    door.carriers();
    REQUIRE(slot.result == reader.found().count);
    REQUIRE(memcmp(slot.carriers.line, reader.found().line, slot.result * sizeof(carrier_line)) == 0);
    REQUIRE(memcmp(slot.carriers.lines, reader.found().lines, sizeof slot.carriers.lines) == 0);
    for (__u32 format = 0; format < FORMAT_IDS; format++) {
      slot.format = format;
      door.context();
      const ReadContext expected = reader.read(static_cast<context_format>(format));
      const ReadContext got = to_context(static_cast<int>(slot.result), slot.ids);
      CAPTURE(format);
      REQUIRE_MESSAGE(got == expected, to_string(got), " instead of ", to_string(expected));
      if (got.result != CONTEXT_OK || (format != FORMAT_B3 && format != FORMAT_JAEGER)) continue;
      alignas(8) __u8 written[64] = {};
      const traceparent ids = slot.ids;
      (format == FORMAT_B3 ? b3_format : jaeger_format)(written, ids.trace_id, ids.parent_id, ids.flags);
      door.context_format();
      REQUIRE(memcmp(slot.formatted, written, format == FORMAT_B3 ? B3_BYTES : JAEGER_BYTES) == 0);
      read++;
    }
  }
  CHECK(read > 500);
}

}  // namespace weft::test
