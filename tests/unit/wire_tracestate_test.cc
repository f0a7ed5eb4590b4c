// SPDX-License-Identifier: Apache-2.0
// One case for each rule about tracestate (W3C Trace Context Level 2, section 3.3).
#include <doctest/doctest.h>

#include <memory>

#include "support/trace_context_cases.h"
#include "wire/ot_member.h"
#include "wire/tracestate.h"

namespace weft::test {
namespace {

const std::string kDiscarded = "(discarded)";

std::string join(const std::vector<std::string>& lines, __u32 ot = TRACESTATE_OT_KEPT) {
  Random random(7);
  GuardedText text(random);
  text.place(lines);
  auto work = std::make_unique<tracestate_work>();
  auto out = std::make_unique<tracestate_text>();
  if (tracestate_join(text.text(), &text.lines(), work.get(), out.get(), ot) != TRACESTATE_VALID) return kDiscarded;
  return {reinterpret_cast<char*>(out->bytes), out->length};
}

std::string member(char key, size_t bytes) { return std::string(1, key) + "=" + std::string(bytes - 2, 'v'); }

std::string members(int count) {
  std::string text;
  for (int i = 0; i < count; i++) text += (i ? ",k" : "k") + std::to_string(i) + "=v";
  return text;
}

}  // namespace

TEST_CASE("tracestate: several lines are joined in order") {
  CHECK(join({"foo=1,bar=2", "rojo=1,congo=2", "baz=3"}) == "foo=1,bar=2,rojo=1,congo=2,baz=3");
  CHECK(join({"foo=1", "", "bar=2"}) == "foo=1,bar=2");
}

TEST_CASE("tracestate: none, empty and blank are valid and empty") {
  CHECK(join({}) == "");
  CHECK(join({""}) == "");
  CHECK(join({" ,\t, ", " "}) == "");
}

TEST_CASE("tracestate: empty members and white space around members are legal") {
  CHECK(join({"foo=1,"}) == "foo=1");
  CHECK(join({",foo=1,,bar=2, ,"}) == "foo=1,bar=2");
  CHECK(join({"foo=1 \t , \t bar=2\t", "\tbaz=3 "}) == "foo=1,bar=2,baz=3");
}

TEST_CASE("tracestate: a duplicate key discards the list") {
  CHECK(join({"foo=1,foo=1"}) == kDiscarded);
  CHECK(join({"foo=1,bar=2", "foo=3"}) == kDiscarded);
  CHECK(join({"foo=1,foo1=2,fo=3"}) == "foo=1,foo1=2,fo=3");
  const std::string prefix(40, 'k');
  CHECK(join({prefix + "a=1," + prefix + "b=2," + prefix + "=3"}) != kDiscarded);
  CHECK(join({prefix + "a=1," + prefix + "b=2," + prefix + "a=3"}) == kDiscarded);
}

TEST_CASE("tracestate: keys are lower case letters, digits and _-*/@, and begin with a letter or digit") {
  for (int byte = 0; byte < 256; byte++) {
    const bool first = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
    const bool later = first || (byte != 0 && std::string("_-*/@").find(static_cast<char>(byte)) != std::string::npos);
    const std::string one(1, static_cast<char>(byte));
    CAPTURE(byte);
    if (byte != ',' && byte != ' ' && byte != '\t') CHECK((join({one + "oo=1"}) != kDiscarded) == first);
    if (byte != '=') CHECK((join({"fo" + one + "oooooooooo=1"}) != kDiscarded) == later);
  }
  CHECK(join({"t61@vendor=1"}) == "t61@vendor=1");
  CHECK(join({"=1"}) == kDiscarded);
  CHECK(join({"foo =1"}) == kDiscarded);
}

TEST_CASE("tracestate: keys have up to 256 bytes") {
  CHECK(join({std::string(256, 'k') + "=1"}) == std::string(256, 'k') + "=1");
  CHECK(join({std::string(257, 'k') + "=1"}) == kDiscarded);
}

TEST_CASE("tracestate: values are printable ASCII without comma and equals sign") {
  for (int byte = 0; byte < 256; byte++) {
    const std::string value = "a" + std::string(1, static_cast<char>(byte)) + "b";
    CAPTURE(byte);
    if (byte != ',') CHECK((join({"foo=" + value}) != kDiscarded) == (byte >= 0x20 && byte <= 0x7e && byte != '='));
  }
  CHECK(join({"foo"}) == kDiscarded);
  CHECK(join({"foo,bar=1"}) == kDiscarded);
}

TEST_CASE("tracestate: values have 1 to 256 bytes, leading spaces count, trailing ones do not") {
  CHECK(join({"foo="}) == kDiscarded);
  CHECK(join({"foo=,bar=1"}) == kDiscarded);
  CHECK(join({"foo=   "}) == kDiscarded);
  CHECK(join({"foo=  x  ,bar=1"}) == "foo=  x,bar=1");
  CHECK(join({"foo=" + std::string(256, 'v') + "   "}) == "foo=" + std::string(256, 'v'));
  CHECK(join({"foo=" + std::string(257, 'v')}) == kDiscarded);
  CHECK(join({"foo= " + std::string(256, 'v')}) == kDiscarded);
}

TEST_CASE("tracestate: a tab is white space behind a value and invalid inside it") {
  CHECK(join({"foo=1\t,bar=2\t \t"}) == "foo=1,bar=2");
  CHECK(join({"foo=1\t2"}) == kDiscarded);
  CHECK(join({"foo=\t1"}) == kDiscarded);
  CHECK(join({"foo=1\t            2"}) == kDiscarded);
}

TEST_CASE("tracestate: 32 members in total, one more discards the list") {
  CHECK(join({members(32)}) == members(32));
  CHECK(join({members(33)}) == kDiscarded);
  CHECK(join({members(32), "last=1"}) == kDiscarded);
  CHECK(join({members(32) + ",,,"}) == members(32));
}

TEST_CASE("tracestate: 512 bytes pass as they are") {
  const std::string exactly = member('a', 255) + "," + member('b', 256);
  REQUIRE(exactly.size() == 512);
  CHECK(join({exactly}) == exactly);
}

TEST_CASE("tracestate: too long loses members over 128 bytes first, from the right") {
  CHECK(join({member('a', 129) + "," + member('b', 128) + "," + member('c', 200) + "," + member('d', 100)}) ==
        member('a', 129) + "," + member('b', 128) + "," + member('d', 100));
  CHECK(join({member('a', 250) + "," + member('b', 250) + "," + member('c', 100)}) ==
        member('a', 250) + "," + member('c', 100));
}

TEST_CASE("tracestate: still too long loses whole members from the right") {
  std::string kept, all;
  for (char key = 'a'; key < 'g'; key++) {
    all += (all.empty() ? "" : ",") + member(key, 100);
    if (key < 'f') kept = all;
  }
  CHECK(kept.size() == 504);
  CHECK(join({all}) == kept);
  CHECK(join({std::string(256, 'k') + "=" + std::string(256, 'v')}) == "");
}

TEST_CASE("tracestate: more lines than can be held discard the list") {
  std::vector<std::string> lines;
  for (int i = 0; i < 8; i++) lines.push_back("k" + std::to_string(i) + "=v");
  CHECK(join(lines) == members(8));
  lines.push_back("k8=v");
  CHECK(join(lines) == kDiscarded);
}

TEST_CASE("tracestate: the member ot stays, goes, or leaves room for another") {
  CHECK(join({"a=1,ot=th:8,b=2"}) == "a=1,ot=th:8,b=2");
  CHECK(join({"a=1,ot=th:8,b=2"}, 0) == "a=1,b=2");
  CHECK(join({"ot=th:8;rv:1234"}, 0) == "");
  CHECK(join({"ot=th:8", "b=2"}, 7) == "b=2");
  CHECK(join({"oto=1,o=2,t=3,to=4"}, 0) == "oto=1,o=2,t=3,to=4");
  CHECK(join({"ot=1,ot=2"}, 0) == kDiscarded);
  CHECK(join({members(32)}, 0) == members(32));
  CHECK(join({members(32)}, 7) == members(31));
  CHECK(join({members(31) + ",ot=1"}, 7) == members(31));
  CHECK(join({"ot=1," + members(31)}, 7) == members(31));
  const std::string exact = member('a', 128) + "," + member('b', 128) + "," + member('c', 128) + "," + member('d', 110);
  CHECK(join({exact + ",e=12"}, 0) == exact + ",e=12");
  CHECK(join({exact + ",e=12"}, 9) == exact + ",e=12");
  CHECK(join({exact + ",e=12"}, 10) == exact);
}

TEST_CASE("tracestate: the member ot tells a threshold without the zeros at its end") {
  const auto told = [](__u32 threshold) {
    __u8 text[OT_MEMBER_MAX];
    return std::string(reinterpret_cast<char*>(text), ot_member(text, threshold));
  };
  CHECK(told(0) == "ot=th:0");
  CHECK(told(0x80000000) == "ot=th:8");
  CHECK(told(0xc0000000) == "ot=th:c");
  CHECK(told(0xfd70a3d7) == "ot=th:fd70a3d7");
  CHECK(told(0x00000001) == "ot=th:00000001");
  CHECK(told(0xffffffff) == "ot=th:ffffffff");
  for (__u32 shift = 0; shift < 32; shift += 4) {
    std::string digits = "1";
    digits.insert(0, 7 - shift / 4, '0');
    CHECK(told(1u << shift) == "ot=th:" + digits);
  }
  CHECK(ot_threshold(0x80000000000000) == 0x80000000);
}

}  // namespace weft::test
