// SPDX-License-Identifier: Apache-2.0
// One case for each rule about baggage (W3C Baggage, sections 3.2 and 3.3).
#include <doctest/doctest.h>

#include <memory>

#include "support/trace_context_cases.h"
#include "wire/baggage.h"

namespace weft::test {
namespace {

struct Joined {
  std::unique_ptr<baggage_text> out = std::make_unique<baggage_text>();
  std::string text() const { return {reinterpret_cast<char*>(out->bytes), out->length}; }
};

Joined join_all(const std::vector<std::string>& lines) {
  Random random(7);
  GuardedText text(random);
  text.place(lines);
  Joined result;
  baggage_join(text.text(), &text.lines(), result.out.get());
  return result;
}

std::string join(const std::vector<std::string>& lines) { return join_all(lines).text(); }

std::string member(size_t bytes) { return "k=" + std::string(bytes - 2, 'v'); }

}  // namespace

TEST_CASE("baggage: several lines are joined with commas, in order") {
  CHECK(join({"a=1,b=2", "c=3"}) == "a=1,b=2,c=3");
  CHECK(join({"", "a=1", " ", "b=2", ""}) == "a=1,b=2");
  CHECK(join({}) == "");
}

TEST_CASE("baggage: white space around members goes, inside a member it stays") {
  CHECK(join({" a=1 ,\tb = 2 ; p = q\t, c=x y "}) == "a=1,b = 2 ; p = q,c=x y");
  CHECK(join({"a=1" + std::string(5000, ' ')}) == "a=1");
}

TEST_CASE("baggage: bytes inside members are not changed") {
  const std::string text = "a=%2c%3D%zz;p;q=\"r\";s=t=u==,B=\xc3\xa4\xff,k.1/[x]=";
  CHECK(join({text}) == text);
}

TEST_CASE("baggage: empty members vanish and do not count as malformed") {
  const Joined result = join_all({",,a=1,, ,\t,b=2,"});
  CHECK(result.text() == "a=1,b=2");
  CHECK(result.out->malformed == 0);
}

TEST_CASE("baggage: a member without an equals sign before its properties is dropped") {
  const Joined result = join_all({"a,b=1,c;p=q,d=2"});
  CHECK(result.text() == "b=1,d=2");
  CHECK(result.out->malformed == 2);
}

TEST_CASE("baggage: a member with an empty key is dropped") { CHECK(join({"=1,a=2, =3,\t==,b="}) == "a=2,b="); }

TEST_CASE("baggage: a member with a control byte is dropped, wherever it stands") {
  for (int byte = 0; byte < 256; byte++) {
    if (byte == ',' || byte == ';') continue;
    const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    const std::string one(1, static_cast<char>(byte));
    CAPTURE(byte);
    for (size_t at = 2; at < 20; at++) {
      const std::string odd = "k=" + std::string(at, 'v') + one + "end";
      REQUIRE(join({"a=1," + odd + ",b=2"}) == (control ? "a=1,b=2" : "a=1," + odd + ",b=2"));
    }
    if (byte != '=') CHECK(join({"k" + one + "k=1"}) == (control ? "" : "k" + one + "k=1"));
  }
}

TEST_CASE("baggage: 64 members pass, later ones are dropped and counted") {
  std::string text, all;
  for (int i = 0; i < 70; i++) {
    all += (i ? ",k" : "k") + std::to_string(i) + "=v";
    if (i == 63) text = all;
  }
  const Joined result = join_all({all});
  CHECK(result.text() == text);
  CHECK(result.out->members == 64);
  CHECK(result.out->over == 6);
}

TEST_CASE("baggage: 8192 bytes pass, a byte more drops the whole member") {
  CHECK(join({member(8192)}) == member(8192));
  CHECK(join({member(8193)}) == "");
  CHECK(join({member(4000), member(4191)}) == member(4000) + "," + member(4191));
  const Joined result = join_all({member(4000), member(4192)});
  CHECK(result.text() == member(4000));
  CHECK(result.out->over == 1);
}

TEST_CASE("baggage: behind a member that does not fit, a shorter one may") {
  CHECK(join({member(8000) + "," + member(500) + ",s=1"}) == member(8000) + ",s=1");
}

TEST_CASE("baggage: the white space that goes does not count") {
  CHECK(join({"  " + member(8192) + "   "}) == member(8192));
}

TEST_CASE("baggage: duplicates stay, in order") { CHECK(join({"a=1,a=2", "a=1"}) == "a=1,a=2,a=1"); }

TEST_CASE("baggage: lines that could not be held are reported") {
  std::vector<std::string> lines(10, "a=1");
  const Joined result = join_all(lines);
  CHECK(result.out->members == 8);
  CHECK(result.out->lost_lines == 2);
}

}  // namespace weft::test
