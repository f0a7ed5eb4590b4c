// SPDX-License-Identifier: Apache-2.0
// HPACK against the examples of RFC 7541 and against libnghttp2, from the connection's beginning and from its middle.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "decode/http2/hpack.h"
#include "decode/http2/huffman.h"
#include "support/http2/hpack_blocks.h"
#include "support/http2/hpack_oracle.h"

using namespace weft;
using namespace weft::test;

namespace {

Bytes hex(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (const char c : text)
    if (c != ' ') digits.push_back(c);
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::string text_of(const HeaderList& list) {
  std::string text;
  for (std::size_t i = 0; i < list.size(); i++) {
    const HpackField field = list[i];
    text.append(field.name_known ? field.name : "?").append(": ");
    text.append(field.value_known ? field.value : "?").append("|");
  }
  return text;
}

struct Example {
  const char* block;
  const char* fields;
  std::size_t table_bytes;
};

void check_examples(std::initializer_list<Example> examples, std::size_t table_size = 4096) {
  HpackDecoder decoder;
  HeaderList list;
  Bytes update;
  put_size_update(update, table_size);
  REQUIRE(decoder.decode(update, list));
  for (const Example& example : examples) {
    REQUIRE(decoder.decode(hex(example.block), list));
    CHECK(text_of(list) == example.fields);
    CHECK(decoder.table_bytes() == example.table_bytes);
  }
}

bool same(const HpackField& field, const Field& expected) {
  return field.name == expected.name && field.value == expected.value;
}

}  // namespace

TEST_CASE("hpack: RFC 7541 C.1, integers") {
  for (const auto& [block, index] : {std::pair{"8a", ":status: 206|"}, {"ff00", "?: ?|"}, {"ff9a0a", "?: ?|"}}) {
    HpackDecoder decoder;
    HeaderList list;
    decoder.forget();
    REQUIRE(decoder.decode(hex(block), list));
    CHECK(text_of(list) == index);
  }
}

TEST_CASE("hpack: RFC 7541 C.2, one field each") {
  check_examples(
      {{"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header|", 55}});
  check_examples({{"040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path|", 0}});
  check_examples({{"1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret|", 0}});
  check_examples({{"82", ":method: GET|", 0}});
}

TEST_CASE("hpack: RFC 7541 C.3, requests") {
  check_examples(
      {{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        ":method: GET|:scheme: http|:path: /|:authority: www.example.com|", 57},
       {"8286 84be 5808 6e6f 2d63 6163 6865",
        ":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache|", 110},
       {"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value|", 164}});
}

TEST_CASE("hpack: RFC 7541 C.4, requests in Huffman code") {
  check_examples(
      {{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        ":method: GET|:scheme: http|:path: /|:authority: www.example.com|", 57},
       {"8286 84be 5886 a8eb 1064 9cbf",
        ":method: GET|:scheme: http|:path: /|:authority: www.example.com|cache-control: no-cache|", 110},
       {"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ":method: GET|:scheme: https|:path: /index.html|:authority: www.example.com|custom-key: custom-value|", 164}});
}

TEST_CASE("hpack: RFC 7541 C.5, responses with eviction") {
  check_examples(
      {{"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d "
        "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        ":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com|",
        222},
       {"4803 3330 37c1 c0bf",
        ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com|",
        222},
       {"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f "
        "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b "
        "2076 6572 7369 6f6e 3d31",
        ":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|"
        "content-encoding: gzip|set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|",
        215}},
      256);
}

TEST_CASE("hpack: RFC 7541 C.6, responses in Huffman code with eviction") {
  check_examples(
      {{"4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 "
        "8f0b 97c8 e9ae 82ae 43d3",
        ":status: 302|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com|",
        222},
       {"4883 640e ffc1 c0bf",
        ":status: 307|cache-control: private|date: Mon, 21 Oct 2013 20:13:21 GMT|location: https://www.example.com|",
        222},
       {"88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 "
        "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ":status: 200|cache-control: private|date: Mon, 21 Oct 2013 20:13:22 GMT|location: https://www.example.com|"
        "content-encoding: gzip|set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1|",
        215}},
      256);
}

TEST_CASE("hpack: every symbol of the Huffman code, and what is none") {
  for (unsigned symbol = 0; symbol < 256; symbol++) {
    const std::string text(3, static_cast<char>(symbol)), coded = huffman_encoded(text);
    std::string out;
    CHECK(huffman_decode({reinterpret_cast<const std::uint8_t*>(coded.data()), coded.size()}, out));
    CHECK(out == text);
  }
  std::string out;
  CHECK(huffman_decode(hex("07"), out));              // '0' and three ones
  CHECK_FALSE(huffman_decode(hex("00"), out));        // padding of zeros
  CHECK_FALSE(huffman_decode(hex("07ff"), out));      // padding of eleven bits
  CHECK_FALSE(huffman_decode(hex("fffffffc"), out));  // EOS
  CHECK_FALSE(huffman_decode(hex("ffffffff"), out));
}

TEST_CASE("hpack: what libnghttp2 encodes") {
  std::mt19937_64 random(7);
  for (int connection = 0; connection < 60; connection++) {
    OracleEncoder encoder;
    HpackDecoder decoder;
    HeaderList list;
    for (int block = 0; block < 60; block++) {
      if (random() % 10 == 0) encoder.table_size(random() % 3 ? random() % 8192 : 0);
      const Fields fields = random_fields(random);
      REQUIRE(decoder.decode(encoder.encode(fields), list));
      REQUIRE(list.size() == fields.size());
      for (std::size_t i = 0; i < fields.size(); i++) {
        REQUIRE(same(list[i], fields[i]));
        if (fields[i].never_indexed) REQUIRE(list[i].never_indexed);  // it marks short cookies by itself
      }
    }
    CHECK(decoder.complete());
  }
}

TEST_CASE("hpack: blocks in every form, legal or not, as libnghttp2 reads them") {
  int legal = 0, illegal = 0;
  for (std::uint64_t seed = 0; seed < 1500; seed++) {
    BlockWriter writer(seed);
    OracleDecoder oracle;
    HpackDecoder decoder;
    HeaderList list;
    for (int block = 0; block < 40; block++) {
      const Bytes bytes = writer.next();
      const auto expected = oracle.decode(bytes);
      const bool read = decoder.decode(bytes, list);
      REQUIRE(read == expected.has_value());
      if (!read) {
        illegal++;
        break;
      }
      legal++;
      REQUIRE(list.size() == expected->size());
      for (std::size_t i = 0; i < list.size(); i++) {
        REQUIRE(same(list[i], (*expected)[i]));
        REQUIRE(list[i].never_indexed == (*expected)[i].never_indexed);
      }
    }
  }
  CHECK(legal > 1000);
  CHECK(illegal > 100);
}

TEST_CASE("hpack: joined late or after a gap, what is said to be known is right") {
  std::mt19937_64 random(11);
  std::size_t known = 0, marked = 0;
  for (int connection = 0; connection < 100; connection++) {
    OracleEncoder encoder;
    HpackDecoder decoder;
    HeaderList list;
    decoder.forget();
    if (random() % 2) encoder.table_size(random() % 2 ? 512 : 16384);
    for (int block = 0; block < 120; block++) {
      const Fields fields = random_fields(random);
      const Bytes bytes = encoder.encode(fields);
      if (block < 20) continue;  // before we came
      if (block == 50) {         // a loss
        decoder.forget();
        continue;
      }
      REQUIRE(decoder.decode(bytes, list));
      REQUIRE(list.size() == fields.size());
      for (std::size_t i = 0; i < fields.size(); i++) {
        const HpackField field = list[i];
        if (field.name_known) REQUIRE(field.name == fields[i].name);
        if (field.value_known) REQUIRE(field.value == fields[i].value);
        (field.name_known && field.value_known ? known : marked)++;
      }
    }
  }
  CHECK(known > 4 * marked);
  CHECK(marked > 0);
}

TEST_CASE("hpack: joined late, it learns what is sent again") {
  HpackDecoder decoder;
  HeaderList list;
  decoder.forget();
  REQUIRE(decoder.decode(hex("be bf"), list));
  CHECK(text_of(list) == "?: ?|?: ?|");
  CHECK(list.unknown());
  Bytes block;
  put_literal(block, Literal::indexing, 4, "", "/pkg.Service/Method", true, true);
  put_literal(block, Literal::indexing, 63, "", "v", true, false);  // the name of an entry from before
  REQUIRE(decoder.decode(block, list));
  CHECK(text_of(list) == ":path: /pkg.Service/Method|?: v|");
  REQUIRE(decoder.decode(hex("bf be c0"), list));
  CHECK(text_of(list) == ":path: /pkg.Service/Method|?: v|?: ?|");
}

TEST_CASE("hpack: a limit below the size that a table begins with holds from the first entry on") {
  HpackDecoder decoder({.table_bytes = 1000, .list_bytes = 20000});
  HeaderList list;
  CHECK_FALSE(decoder.complete());
  Bytes block;
  for (int i = 0; i < 20; i++) put_literal(block, Literal::indexing, 0, "x", std::string(200, 'v'), false, false);
  REQUIRE(decoder.decode(block, list));
  CHECK(decoder.table_bytes() <= 1000);
  CHECK(decoder.table_entries() == 4);
}

TEST_CASE("hpack: integers of up to four more bytes, as many as the kernel reads") {
  HeaderList list;
  CHECK(HpackDecoder().decode(hex("3f 80 80 80 00"), list));
  CHECK_FALSE(HpackDecoder().decode(hex("3f 80 80 80 80 00"), list));
}

TEST_CASE("hpack: bombs and absurd sizes stay within the limits") {
  HpackDecoder decoder({.table_bytes = 8192, .list_bytes = 20000});
  HeaderList list;
  Bytes block;
  put_size_update(block, 1u << 27);
  put_literal(block, Literal::indexing, 0, "x", std::string(4000, 'v'), false, false);
  for (int i = 0; i < 16000; i++) block.push_back(0xbe);
  REQUIRE(decoder.decode(block, list));
  CHECK(list.cut());
  CHECK(list.size() <= 6);
  CHECK(decoder.table_bytes() <= 8192);
  CHECK_FALSE(decoder.complete());
  for (int i = 0; i < 1000; i++) {
    Bytes more;
    put_literal(more, Literal::indexing, 0, "y" + std::to_string(i), std::string(100, 'w'), true, true);
    REQUIRE(decoder.decode(more, list));
  }
  CHECK(decoder.table_bytes() <= 8192);
  Bytes absurd;
  put_integer(absurd, 0x20, 5, 1ull << 40);
  CHECK_FALSE(decoder.decode(absurd, list));
  CHECK_FALSE(decoder.decode(hex("40"), list));
  CHECK_FALSE(decoder.decode(hex("400a63"), list));
  CHECK_FALSE(decoder.decode(hex("80"), list));
}
