// SPDX-License-Identifier: Apache-2.0
// One line for each rule about traceparent (W3C Trace Context, section 3.2).
#include <doctest/doctest.h>

#include "support/trace_context_cases.h"
#include "wire/traceparent.h"

namespace weft::test {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c", kParent = "b7ad6b7169203331";
const std::string kGood = "00-" + kTrace + "-" + kParent + "-01";

traceparent_result parse(const std::string& value, traceparent* out = nullptr) {
  Random random(7);
  GuardedText text(random);
  text.place({value});
  traceparent unused{};
  return traceparent_parse(text.text(), text.first(), out ? out : &unused);
}

std::string with(size_t at, const std::string& bytes) { return std::string(kGood).replace(at, bytes.size(), bytes); }

}  // namespace

TEST_CASE("traceparent: version 00 is exactly 55 bytes") {
  CHECK(parse(kGood) == TRACEPARENT_OK);
  for (size_t bytes = 0; bytes < 55; bytes++) CHECK(parse(kGood.substr(0, bytes)) == TRACEPARENT_MALFORMED);
  CHECK(parse(kGood + "-") == TRACEPARENT_MALFORMED);
  CHECK(parse(kGood + "-00") == TRACEPARENT_MALFORMED);
  CHECK(parse(kGood + ".") == TRACEPARENT_MALFORMED);
}

TEST_CASE("traceparent: the fields come out as bytes") {
  traceparent ids{};
  REQUIRE(parse("00-" + kTrace + "-" + kParent + "-03", &ids) == TRACEPARENT_OK);
  CHECK(ids.trace_id[0] == 0x0a);
  CHECK(ids.trace_id[15] == 0x9c);
  CHECK(ids.parent_id[0] == 0xb7);
  CHECK(ids.parent_id[7] == 0x31);
  CHECK(ids.flags == 3);
  CHECK(ids.version == 0);
}

TEST_CASE("traceparent: a later version is read when a dash follows the flags") {
  traceparent ids{};
  CHECK(parse("01" + kGood.substr(2), &ids) == TRACEPARENT_OK);
  CHECK(ids.version == 1);
  CHECK(parse("cc" + kGood.substr(2) + "-what-the-future-will-be") == TRACEPARENT_OK);
  CHECK(parse("cc" + kGood.substr(2) + "-") == TRACEPARENT_OK);
  CHECK(parse("cc" + kGood.substr(2) + ".what") == TRACEPARENT_MALFORMED);
  CHECK(parse("cc" + kGood.substr(2) + "0") == TRACEPARENT_MALFORMED);
  CHECK(parse("cc" + kGood.substr(2, 50)) == TRACEPARENT_MALFORMED);
}

TEST_CASE("traceparent: version ff is invalid") {
  CHECK(parse("ff" + kGood.substr(2)) == TRACEPARENT_MALFORMED);
  CHECK(parse("ff" + kGood.substr(2) + "-x") == TRACEPARENT_MALFORMED);
  CHECK(parse("fe" + kGood.substr(2)) == TRACEPARENT_OK);
}

TEST_CASE("traceparent: every byte but lower-case hex is refused in every place") {
  for (size_t at = 0; at < 55; at++) {
    for (int byte = 0; byte < 256; byte++) {
      const std::string value = with(at, std::string(1, static_cast<char>(byte)));
      const bool dash = at == 2 || at == 35 || at == 52;
      const bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
      // A space or tab at an end makes the value shorter.
      CAPTURE(at);
      CAPTURE(byte);
      REQUIRE((parse(value) == TRACEPARENT_OK) == (dash ? byte == '-' : hex));
    }
  }
}

TEST_CASE("traceparent: an id that is all zero is invalid, one bit is enough") {
  CHECK(parse(with(3, std::string(32, '0'))) == TRACEPARENT_ZERO_ID);
  CHECK(parse(with(36, std::string(16, '0'))) == TRACEPARENT_ZERO_ID);
  CHECK(parse(with(3, std::string(31, '0') + "1")) == TRACEPARENT_OK);
  CHECK(parse(with(3, "1" + std::string(31, '0'))) == TRACEPARENT_OK);
  CHECK(parse(with(36, std::string(15, '0') + "1")) == TRACEPARENT_OK);
}

TEST_CASE("traceparent: spaces and tabs around the value do not count") {
  CHECK(parse(" \t" + kGood + "\t \t") == TRACEPARENT_OK);
  CHECK(parse(std::string(3000, ' ') + kGood + std::string(3000, '\t')) == TRACEPARENT_OK);
  CHECK(parse(std::string(60, ' ')) == TRACEPARENT_MALFORMED);
  CHECK(parse("\v" + kGood) == TRACEPARENT_MALFORMED);
}

TEST_CASE("traceparent: a range that is turned round or out of bounds is refused") {
  Random random(7);
  GuardedText text(random);
  text.place({kGood});
  traceparent ids{};
  CHECK(traceparent_parse(text.text(), {55, 0}, &ids) == TRACEPARENT_MALFORMED);
  CHECK(traceparent_parse(text.text(), {0, HEAD_TEXT_CAP + 1}, &ids) == TRACEPARENT_MALFORMED);
}

TEST_CASE("traceparent: written with version 00 and only the flags that are known") {
  traceparent ids{};
  REQUIRE(parse("cc-" + kTrace + "-" + kParent + "-ff-more", &ids) == TRACEPARENT_OK);
  alignas(8) __u8 out[TRACEPARENT_ROOM];
  traceparent_format(out, ids.trace_id, ids.parent_id, ids.flags);
  CHECK(std::string(reinterpret_cast<char*>(out)) == "00-" + kTrace + "-" + kParent + "-03");
}

}  // namespace weft::test
