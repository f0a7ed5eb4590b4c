// SPDX-License-Identifier: Apache-2.0
// The frame tracker and the walk over header blocks that the kernel runs, as user space builds them.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "decode/http2/hpack.h"
#include "support/http2/frame_text.h"
#include "support/http2/hpack_blocks.h"
#include "wire/http2_fields.h"

using namespace weft;
using namespace weft::test;

namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

FrameRun run_of(const Bytes& bytes, bool preface, std::mt19937_64* splits = nullptr) {
  FrameDriver driver(preface);
  std::span<const std::uint8_t> rest = bytes;
  while (!rest.empty()) {
    const std::size_t n =
        splits ? 1 + (*splits)() % std::min<std::size_t>(rest.size(), (*splits)() % 4 ? 12 : 4000) : rest.size();
    driver.feed(rest.first(n));
    rest = rest.subspan(n);
  }
  return driver.result();
}

struct Walked {
  std::string head;
  Bytes block;  // as it goes up
  struct http2_walk walk{};
};

struct Walker {
  http2_names names{};
  Walker() { names.complete = 1; }

  Walked walk(const Bytes& block) {
    static head_text text, lines;
    Walked result;
    std::memcpy(text.bytes, block.data(), std::min<std::size_t>(block.size(), sizeof text.bytes));
    result.walk.names = names;
    result.walk.mark = 0x0123456789abcdefull;
    http2_walk(&result.walk, &text, &lines, static_cast<__u32>(block.size()));
    names = result.walk.names;
    result.head.assign(reinterpret_cast<const char*>(lines.bytes), result.walk.to);
    result.block.assign(text.bytes, text.bytes + std::min<std::size_t>(block.size(), result.walk.clear));
    return result;
  }
};

// What the walk says of contexts; which side sends is another matter.
__u32 context_flags(const Walked& got) {
  return got.walk.flags & ~(HTTP2_WALK_METHOD | HTTP2_WALK_STATUS | HTTP2_WALK_PATH);
}

constexpr std::string_view value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// :method POST, :scheme http, :path /a.B/C, then the field.
Bytes request_with(Literal kind, std::string_view name, std::string_view text, bool huffman_name, bool huffman_value) {
  Bytes block{0x83, 0x86};
  put_literal(block, Literal::indexing, 4, "", "/a.B/C", false, huffman_value);
  put_literal(block, kind, 0, name, text, huffman_name, huffman_value);
  return block;
}

std::string head_with(std::string_view lines) { return "POST /a.B/C HTTP/1.1\r\n" + std::string(lines) + "\r\n"; }

}  // namespace

TEST_CASE("frames: a connection, at every split") {
  Bytes bytes = bytes_of(http2_preface);
  put_frame(bytes, 4, 0, 0, {0, 4, 0, 1, 0, 0, 0, 6, 0, 0, 0x40, 0});
  put_frame(bytes, 4, 1, 0, {});
  put_frame(bytes, 1, 0x04, 1, bytes_of("block"));
  put_frame(bytes, 0, 0x01, 1, bytes_of("12345"));
  put_frame(bytes, 1, 0x0c | 0x20, 3,
            bytes_of(std::string("\x03"
                                 "prior"
                                 "padded"
                                 "\0\0\0",
                                 15)));
  put_frame(bytes, 8, 0, 3, {0, 0, 0, 9});
  put_frame(bytes, 0, 0x09, 3,
            bytes_of(std::string("\x02"
                                 "x"
                                 "\0\0",
                                 4)));
  put_frame(bytes, 1, 0x01, 5, bytes_of("in "));
  put_frame(bytes, 9, 0, 5, bytes_of(""));
  put_frame(bytes, 9, 0x04, 5, bytes_of("pieces"));
  put_frame(bytes, 3, 0, 5, {0, 0, 0, 8});
  put_frame(bytes, 0, 0x01, 7, {});
  put_frame(bytes, 7, 0, 0, bytes_of(std::string("\0\0\0\x07\0\0\0\0bye", 11)));
  put_frame(bytes, 0x44, 0xff, 9, bytes_of("unknown"));
  const FrameRun whole = run_of(bytes, true);
  CHECK_FALSE(whole.bad);
  const std::vector<std::string> expected{"setting 4 65536",   "setting 6 16384", "block 1 block", "data 1 5",
                                          "ended 1",           "block 3 padded",  "data 3 1",      "ended 3",
                                          "block 5 in pieces", "reset 5 8",       "ended 7",       "goaway 7"};
  CHECK(whole.events == expected);
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; i++) REQUIRE(run_of(bytes, true, &random) == whole);
  for (std::size_t cut = 1; cut < bytes.size(); cut++) {
    FrameDriver driver(true);
    driver.feed(std::span(bytes).first(cut));
    driver.feed(std::span(bytes).subspan(cut));
    REQUIRE(driver.result() == whole);
  }
}

TEST_CASE("frames: the longest that a peer has ever announced is what it may be sent") {
  const auto announced = [](std::vector<std::uint32_t> sizes) {
    FrameDriver driver(false);
    for (const std::uint32_t size : sizes) {
      Bytes bytes;
      put_frame(bytes, 4, 0, 0,
                {0, 3, 0, 0, 0, 100, 0, 5, static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
                 static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size), 0, 4, 0, 255, 255, 255});
      driver.feed(bytes);
    }
    return driver.state().frame_units;
  };
  CHECK_FALSE(http2_longer_than(16384, announced({})));
  CHECK(http2_longer_than(16385, announced({})));
  CHECK(http2_longer_than(16385, announced({16384})));
  CHECK(http2_longer_than(16385, announced({100})));  // not legal: what holds without it
  CHECK_FALSE(http2_longer_than(20000, announced({20000})));
  CHECK(http2_longer_than(21000, announced({20000})));
  CHECK_FALSE(http2_longer_than(1 << 20, announced({16384, 1 << 20, 16384})));  // when it is lowered is not known
  CHECK(http2_longer_than((1 << 20) + 1, announced({16384, 1 << 20, 16384})));
  for (const std::uint32_t most : {0xffffffu, 0x1000000u, 0xffffffffu})
    CHECK_FALSE(http2_longer_than(0xffffff, announced({most})));
  CHECK_FALSE(http2_longer_than(0xffffff, HTTP2_FRAME_ANY));
}

TEST_CASE("frames: what ends it") {
  const auto bad = [](unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload,
                      unsigned before_type = 4, unsigned before_flags = 1, std::uint32_t before_stream = 0) {
    Bytes bytes;
    put_frame(bytes, before_type, before_flags, before_stream, {});
    put_frame(bytes, type, flags, stream, bytes_of(payload));
    return run_of(bytes, false).bad;
  };
  CHECK_FALSE(bad(1, 4, 1, "x"));
  CHECK(bad(1, 4, 0, "x"));           // HEADERS of no stream
  CHECK(bad(0, 0, 0, "x"));           // DATA of no stream
  CHECK(bad(9, 4, 1, "x"));           // CONTINUATION of nothing
  CHECK(bad(0, 0, 1, "x", 1, 0, 1));  // anything within a header block
  CHECK(bad(9, 4, 3, "x", 1, 0, 1));  // … or one of another stream
  CHECK_FALSE(bad(9, 4, 1, "x", 1, 0, 1));
  CHECK(bad(3, 0, 1, "12345"));    // RST_STREAM of five bytes
  CHECK(bad(3, 0, 0, "1234"));     // … of the connection
  CHECK(bad(4, 0, 0, "12345"));    // SETTINGS of no whole number
  CHECK(bad(4, 1, 0, "123456"));   // an acknowledgement that says something
  CHECK(bad(4, 0, 1, ""));         // … of a stream
  CHECK(bad(7, 0, 0, "1234567"));  // a short GOAWAY
  CHECK(bad(1, 0x0c, 1,
            "\x05"
            "abc"));               // more padding than payload
  CHECK(bad(1, 0x24, 1, "1234"));  // no room for the priority
  CHECK(bad(6, 0, 0x80000001u, "12345678"));
  CHECK_FALSE(bad(99, 0xff, 7, std::string(16384, 'x')));
  CHECK(bad(99, 0xff, 7, std::string(16385, 'x')));
  CHECK_FALSE(bad(0, 0, 7, std::string(16385, 'x')));  // a peer may allow more of DATA
  for (const char* other :
       {"GET / HTTP/1.1\r\n", "HTTP/1.1 400 Bad\r\n", "SSH-2.0-x\r\n", "\x16\x03\x01\x02\0\x01\0\0\0"}) {
    CAPTURE(other);
    CHECK(run_of(bytes_of(std::string(other, 9)), false).bad);
  }
  CHECK(run_of(bytes_of("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n"), true).bad);
}

TEST_CASE("walk: a traceparent in every form of a literal is found") {
  for (const Literal kind : {Literal::indexing, Literal::without, Literal::never})
    for (const bool huffman_name : {false, true})
      for (const bool huffman_value : {false, true}) {
        Walker walker;
        const Walked got = walker.walk(request_with(kind, "traceparent", value, huffman_name, huffman_value));
        CHECK(got.head == head_with("traceparent: " + std::string(value) + "\r\n"));
        CHECK(context_flags(got) == HTTP2_WALK_CONTEXT);
        const bool over = kind != Literal::indexing && !huffman_value;
        CHECK((got.walk.raw_at != ~0u) == over);
      }
}

TEST_CASE("walk: names by index, values by index") {
  Walker walker;
  walker.walk(request_with(Literal::indexing, "traceparent", value, true, true));
  Bytes again{0x83, 0x86};
  put_literal(again, Literal::indexing, 62, "", value, false, true);
  CHECK(walker.walk(again).head == "POST / HTTP/1.1\r\ntraceparent: " + std::string(value) + "\r\n\r\n");
  const Walked indexed = walker.walk({0x83, 0xbe});
  CHECK(context_flags(indexed) == (HTTP2_WALK_CONTEXT | HTTP2_WALK_UNREAD));
  CHECK(indexed.head == "POST / HTTP/1.1\r\ntraceparent: ?efcdab8967452301\r\n\r\n");
  Bytes push;
  for (int i = 0; i < 66; i++) put_literal(push, Literal::indexing, 0, "x", "y", false, false);
  walker.walk(push);
  CHECK(context_flags(walker.walk({0x83, 0xff, 0x50})) == HTTP2_WALK_DEEP);  // beyond what is kept
}

TEST_CASE("walk: other context headers, in order; what cannot be one is left out") {
  Bytes block{0x82};
  put_literal(block, Literal::without, 5, "", "/", false, false);
  put_literal(block, Literal::without, 0, "user-agent", "u", true, true);
  put_literal(block, Literal::without, 0, "tracestate", "a=1,b=2", true, true);
  put_literal(block, Literal::without, 0, "te", "trailers", false, true);
  put_literal(block, Literal::without, 0, "cookie", "secret", false, true);
  put_literal(block, Literal::indexing, 0, "baggage", "user.id=7;p=1,x=%20", false, true);
  put_literal(block, Literal::without, 0, "b3", "0", false, false);
  put_literal(block, Literal::without, 0, "x-b3-sampled", "1", true, false);
  put_literal(block, Literal::without, 0, "uber-trace-id", "1:2:0:1", false, true);
  Walker walker;
  CHECK(walker.walk(block).head ==
        "GET / HTTP/1.1\r\nuser-agent: u\r\ntracestate: a=1,b=2\r\nte: trailers\r\nbaggage: user.id=7;p=1,x=%20\r\nb3: "
        "0\r\n"
        "x-b3-sampled: 1\r\nuber-trace-id: 1:2:0:1\r\n\r\n");
}

TEST_CASE("walk: names of every format are known again by index, values that are indexed are told of") {
  static constexpr std::string_view names[] = {"b3",         "x-b3-traceid", "x-b3-spanid",   "x-b3-parentspanid",
                                               "x-trace-id", "x-b3-sampled", "x-b3-flags",    "x-parent-id",
                                               "tracestate", "baggage",      "uber-trace-id", "traceparent"};
  for (const std::string_view name : names) {
    CAPTURE(name);
    Walker walker;
    walker.walk(request_with(Literal::indexing, name, "one", true, false));
    Bytes again{0x83, 0x86};
    put_literal(again, Literal::indexing, 62, "", "two", false, true);
    CHECK(walker.walk(again).head == "POST / HTTP/1.1\r\n" + std::string(name) + ": two\r\n\r\n");
    const __u32 expected = name == "traceparent"  ? HTTP2_WALK_CONTEXT | HTTP2_WALK_UNREAD
                           : name == "tracestate" ? HTTP2_WALK_STATE_UNREAD
                           : name == "baggage"    ? HTTP2_WALK_BAGGAGE | HTTP2_WALK_UNJUDGED
                                                  : HTTP2_WALK_OTHER_UNREAD;
    CHECK(context_flags(walker.walk({0x83, 0xbe})) == expected);
  }
  Walker walker;
  walker.walk(request_with(Literal::indexing, "uberctx-key", "one", true, false));
  Bytes again{0x83, 0x86};
  put_literal(again, Literal::indexing, 62, "", "two", false, true);
  CHECK(context_flags(walker.walk(again)) == (HTTP2_WALK_BAGGAGE | HTTP2_WALK_UNJUDGED));
}

TEST_CASE("walk: values of baggage do not go up, in whatever form they come") {
  for (const Literal kind : {Literal::indexing, Literal::without, Literal::never})
    for (const bool huffman_name : {false, true})
      for (const bool huffman_value : {false, true})
        for (const std::string_view name :
             {"baggage", "uberctx-user", "uberctx-a-key-of-more-letters-than-other-names", "uberctx-~"})
          for (const std::string_view text : {"", "a=s3cret", "user=s3cret@s3cret,b={s3cret}", "s3crets"}) {
            Walker walker;
            HpackDecoder decoder;
            HeaderList list;
            Bytes block = request_with(kind, name, text, huffman_name, huffman_value);
            put_literal(block, Literal::without, 0, "after", "seen", huffman_name, huffman_value);
            const Walked got = walker.walk(block);
            CHECK((got.walk.flags & HTTP2_WALK_BAGGAGE) != 0);
            const bool whole = got.head.contains("\r\n" + std::string(name) + ": " + std::string(text) + "\r\n");
            CHECK(whole == !(got.walk.flags & HTTP2_WALK_UNJUDGED));
            REQUIRE(decoder.decode(got.block, list));
            REQUIRE(list.size() == 5);
            CHECK(list[3].name == name);
            CHECK(list[3].value.find_first_not_of('*') == std::string_view::npos);
            CHECK(list[3].value.empty() == text.empty());
            CHECK(list[4].value == "seen");
            if (kind != Literal::indexing) continue;
            Bytes again{0x83, 0xbe};
            put_literal(again, Literal::without, 62, "", text, false, huffman_value);
            REQUIRE(decoder.decode(walker.walk(again).block, list));
            REQUIRE(list.size() == 3);
            for (std::size_t i : {1, 2}) CHECK(list[i].value.find_first_not_of('*') == std::string_view::npos);
          }
}

TEST_CASE("walk: what may be baggage does not go up: unknown names, too many lines, a block that is cut") {
  Walker late;
  late.names.complete = 0;
  Bytes unknown{0x83};
  put_literal(unknown, Literal::indexing, 70, "", "a=s3cret", false, false);
  HeaderList list;
  HpackDecoder decoder;
  decoder.forget();
  const Walked got = late.walk(unknown);
  REQUIRE(decoder.decode(got.block, list));
  CHECK(std::string(got.block.begin(), got.block.end()).find("s3cret") == std::string::npos);
  CHECK(context_flags(late.walk({0x83, 0xbe})) == HTTP2_WALK_DEEP);  // it has a place in the table, and no name

  Bytes many{0x83};
  for (const std::size_t bytes : {3990, 3990, 3950})
    put_literal(many, Literal::without, 0, "tracestate", std::string(bytes, 'a'), false, false);
  put_literal(many, Literal::without, 0, "baggage", "a=s3cret", false, false);
  Walker full;
  const Walked crowded = full.walk(many);
  CHECK((crowded.walk.flags & HTTP2_WALK_UNJUDGED) != 0);
  CHECK(std::string(crowded.block.begin(), crowded.block.end()).find("s3cret") == std::string::npos);

  Bytes cut{0x83};
  put_literal(cut, Literal::without, 0, "x-long", std::string(HTTP2_BLOCK_KEPT - 40, 'a'), false, false);
  const std::size_t whole = cut.size();
  put_literal(cut, Literal::without, 0, "baggage", "a=s3cret," + std::string(100, 'b'), false, false);
  Walker short_of;
  const Walked half = short_of.walk(cut);
  CHECK(half.block.size() == whole);
  CHECK(half.walk.clear == whole);
}

TEST_CASE("walk: a value cannot make a line of its own") {
  for (const std::string_view bad : {std::string_view("a=1\r\ntraceparent: x"), std::string_view("a\nb"),
                                     std::string_view("a\x7f"), std::string_view("a\0b", 3)}) {
    Walker walker;
    const Walked got = walker.walk(request_with(Literal::without, "baggage", bad, false, false));
    CHECK(got.head == head_with(""));
  }
  Walker walker;
  const Walked got = walker.walk(request_with(Literal::without, "traceparent", "00-\r\n", false, false));
  CHECK(context_flags(got) == (HTTP2_WALK_CONTEXT | HTTP2_WALK_UNREAD));
}

TEST_CASE("walk: illegal blocks are told as the decoder tells them, names stay in step") {
  int bad = 0;
  for (std::uint64_t seed = 0; seed < 800; seed++) {
    BlockWriter writer(seed);
    Walker walker;
    HpackDecoder decoder({.table_bytes = 65536, .list_bytes = 1u << 20});
    HeaderList list;
    std::mt19937_64 random(seed);
    for (int i = 0; i < 30; i++) {
      Bytes block = writer.next();
      if (random() % 3 == 0)
        put_literal(block, random() % 2 ? Literal::indexing : Literal::without, 0, "traceparent", value, random() % 2,
                    random() % 2);
      if (random() % 40 == 0) block.resize(random() % block.size());
      const bool legal = decoder.decode(block, list);
      const Walked got = walker.walk(block);
      if (got.walk.flags & HTTP2_WALK_BAD) REQUIRE_FALSE(legal);
      if (!legal) {
        bad++;
        break;
      }
      std::size_t contexts = 0;
      for (std::size_t k = 0; k < list.size(); k++) contexts += list[k].name == "traceparent";
      if (!(got.walk.flags & HTTP2_WALK_DEEP)) REQUIRE(got.walk.contexts == contexts);
    }
  }
  CHECK(bad > 100);
}
