// SPDX-License-Identifier: Apache-2.0
// Any bytes as one direction of an HTTP/2 connection. Invariants: the tracker says the same however they are cut, the
// walk over each header block stays within it (sanitizers), where the decoder finds a context the walk has found one,
// and a block that was walked says what it said before but for the values of baggage.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "decode/http2/hpack.h"
#include "support/http2/frame_text.h"
#include "wire/http2_fields.h"

namespace {

using namespace weft;
using namespace weft::test;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "http2_fuzz: %s\n", what);
  std::abort();
}

struct Direction {
  HpackDecoder decoder{{.table_bytes = 65536, .list_bytes = 1u << 20}}, masked_decoder = decoder;
  HeaderList list, masked;
  http2_names names{};
  bool sound = true;  // every block so far was legal
  bool alike = true;  // so far nothing but baggage was masked
  Direction() { names.complete = 1; }

  // Names with capitals are malformed (RFC 9113, section 8.2.1), and taken for what a lax peer may take them for.
  static bool is(std::string_view name, std::string_view lower) {
    return std::ranges::equal(name, lower, {}, [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  }
  static bool is_baggage(std::string_view name) { return is(name, "baggage") || is(name.substr(0, 8), "uberctx-"); }

  void compare() {
    require(list.size() == masked.size(), "a masked block has other fields");
    for (std::size_t i = 0; i < list.size(); i++) {
      require(list[i].name == masked[i].name, "a masked block has other names");
      if (is_baggage(list[i].name))
        require(masked[i].value.find_first_not_of('*') == std::string_view::npos, "baggage was not masked");
      else
        require(list[i].value == masked[i].value, "something else was masked");
    }
  }

  void block(std::string_view text) {
    static head_text kept, lines;
    struct http2_walk walk{};
    std::memcpy(kept.bytes, text.data(), std::min<std::size_t>(text.size(), sizeof kept.bytes));
    walk.names = names;
    http2_walk(&walk, &kept, &lines, static_cast<__u32>(text.size()));
    names = walk.names;
    require(walk.to <= HEAD_TEXT_CAP, "lines beyond the text");
    const bool legal = decoder.decode({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, list);
    sound &= legal && decoder.complete();
    alike &=
        sound && text.size() <= HTTP2_BLOCK_KEPT && !list.cut() && !(walk.flags & (HTTP2_WALK_MAYBE | HTTP2_WALK_DEEP));
    if (alike) {
      require(masked_decoder.decode({kept.bytes, text.size()}, masked), "a masked block is not legal");
      require(walk.clear == text.size(), "a legal block is not whole");
      compare();
    }
    if (!sound || text.size() > HTTP2_BLOCK_KEPT || list.cut() || (walk.flags & HTTP2_WALK_DEEP)) return;
    require(!(walk.flags & HTTP2_WALK_BAD), "a legal block was refused");
    std::size_t contexts = 0;
    for (std::size_t i = 0; i < list.size(); i++) contexts += is(list[i].name, "traceparent");
    require(walk.contexts == contexts || walk.to > HTTP2_LINES_MOST, "a context was not found, or made up");
  }
};

void check(std::span<const std::uint8_t> input) {
  if (input.empty()) return;
  const std::size_t cut = 1 + input[0] % 64u;
  input = input.subspan(1);
  FrameDriver whole(false), pieces(false);
  whole.feed(input);
  for (auto rest = input; !rest.empty(); rest = rest.subspan(std::min(cut, rest.size())))
    pieces.feed(rest.first(std::min(cut, rest.size())));
  require(whole.result() == pieces.result(), "cut differently, it says something else");
  Direction direction;
  for (const std::string& event : whole.result().events)
    if (event.starts_with("block ")) direction.block(std::string_view(event).substr(event.find(' ', 6) + 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size});
  return 0;
}
