// SPDX-License-Identifier: Apache-2.0
// The kernel's build of the HTTP/2 walk and of the frame tracker does what the user-space build does.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "support/http2/hpack_blocks.h"
#include "support/wire_door.h"

namespace weft::test {
namespace {

KernelDoor& door() {
  static KernelDoor the_door;
  return the_door;
}

// One block through both; the kernel's result is kept in `names`.
void walk_both(const Bytes& block, http2_names& names) {
  static head_text text, lines;
  wire_door& slot = door().slot();
  std::memset(slot.text.bytes, 0, sizeof slot.text.bytes);
  std::memcpy(slot.text.bytes, block.data(), std::min<std::size_t>(block.size(), HEAD_TEXT_CAP));
  std::memcpy(text.bytes, slot.text.bytes, sizeof text.bytes);
  struct http2_walk here{};
  here.names = names;
  here.mark = 77;
  slot.walk = here;
  slot.to = static_cast<__u32>(block.size());
  door().http2_walk();
  http2_walk(&here, &text, &lines, static_cast<__u32>(block.size()));
  REQUIRE(std::memcmp(&slot.walk, &here, sizeof here) == 0);
  REQUIRE(std::memcmp(slot.lines_text.bytes, lines.bytes, here.to) == 0);
  names = here.names;
}

}  // namespace

TEST_CASE("HTTP/2 in the kernel: header blocks in every form, whole and cut") {
  std::mt19937_64 random(5);
  static constexpr std::string_view names[] = {"traceparent", "tracestate", "baggage", "b3", "x-trace-id", "te"};
  for (std::uint64_t seed = 0; seed < 300; seed++) {
    BlockWriter writer(seed);
    http2_names known{};
    known.complete = seed % 3 != 0;
    for (int i = 0; i < 20; i++) {
      Bytes block = writer.next();
      for (std::size_t n = random() % 3; n > 0; n--) {
        const std::string value =
            random() % 2 ? "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" : std::string(random() % 900, 'a');
        put_literal(block, random() % 2 ? Literal::indexing : Literal::without, 0, names[random() % 6], value,
                    random() % 2, random() % 2);
      }
      if (random() % 10 == 0) block.resize(random() % block.size());
      walk_both(block, known);
    }
  }
}

TEST_CASE("HTTP/2 in the kernel: frame headers and small payloads") {
  std::mt19937_64 random(9);
  http2 here{};
  http2_begin(&here, false);
  for (int i = 0; i < 20000; i++) {
    if (http2_small_wanted(&here) == 0 || random() % 50 == 0) http2_begin(&here, random() % 10 == 0);
    std::uint8_t small[HTTP2_PREFACE_BYTES];
    for (auto& byte : small) byte = static_cast<std::uint8_t>(random() % 3 ? random() % 10 : random());
    if (random() % 2) small[0] = small[1] = small[5] = 0;
    wire_door& slot = door().slot();
    slot.frames = here;
    std::memcpy(slot.small, small, sizeof small);
    door().http2_small();
    const auto event = static_cast<__u32>(http2_small(&here, small));
    REQUIRE(slot.result == event);
    REQUIRE(std::memcmp(&slot.frames, &here, sizeof here) == 0);
    if (event == HTTP2_BAD) http2_begin(&here, false);
  }
}

}  // namespace weft::test
