// SPDX-License-Identifier: Apache-2.0
#include "span/span.h"

#include <doctest/doctest.h>

using namespace weft;

TEST_CASE("ids: hex and back") {
  const auto id = TraceId::parse("0af7651916cd43dd8448eb211c80319c");
  REQUIRE(id);
  CHECK(id->bytes[0] == 0x0a);
  CHECK(id->bytes[15] == 0x9c);
  CHECK(id->hex() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(TraceId::parse("0AF7651916CD43DD8448EB211C80319C") == id);
  CHECK(SpanId::parse("b7ad6b7169203331")->hex() == "b7ad6b7169203331");
}

TEST_CASE("ids: what is none") {
  CHECK_FALSE(TraceId::parse("0af7651916cd43dd8448eb211c80319"));
  CHECK_FALSE(TraceId::parse("0af7651916cd43dd8448eb211c80319g"));
  CHECK_FALSE(SpanId::parse(""));
  CHECK_FALSE(TraceId{}.valid());
  CHECK(SpanId{}.hex() == "0000000000000000");
  SpanId last_bit;
  last_bit.bytes[7] = 1;
  CHECK(last_bit.valid());
}

TEST_CASE("kinds and codes have their OTLP names and numbers") {
  CHECK(to_string(SpanKind::server) == "SERVER");
  CHECK(static_cast<int>(SpanKind::consumer) == 5);
  CHECK(parse_span_kind("client") == SpanKind::client);
  CHECK(parse_span_kind("Producer") == SpanKind::producer);
  CHECK_FALSE(parse_span_kind("clients"));
  CHECK(to_string(StatusCode::error) == "ERROR");
}

TEST_CASE("attributes: what is common comes first, and belongs to others, too") {
  Attributes one, other;
  one.set("a", std::string("1"));
  one.set("b", std::int64_t{2});
  other.common = std::make_shared<const CommonAttributes>(one.items);
  CHECK(other.size() == 2);
  CHECK(other == one);
  CHECK(other.text("b") == "2");
  other.set("c", true);
  CHECK_FALSE(other == one);
  std::string keys;
  for (const auto& [key, value] : other) keys += key.text();
  CHECK(keys == "abc");
  Attributes third = other;
  third.set("a", false);
  CHECK(third.text("a") == "false");
  CHECK(third.size() == 3);
  CHECK(other.text("a") == "1");
  Attributes nothing, empty;
  empty.common = std::make_shared<const CommonAttributes>(std::vector<Attribute>());
  CHECK(nothing == empty);
  empty.set("a", std::string("1"));
  CHECK(empty.begin()->first == "a");
  CHECK(++empty.begin() == empty.end());
}

TEST_CASE("attributes: a key stands once, order is that of insertion") {
  Attributes attributes;
  attributes.set("b", std::string("1"));
  attributes.set("a", std::int64_t{2});
  attributes.set("b", true);
  REQUIRE(attributes.items.size() == 2);
  CHECK(attributes.items[0].first == "b");
  CHECK(attributes.text("b") == "true");
  CHECK(attributes.text("a") == "2");
  CHECK(attributes.find("c") == nullptr);
  CHECK(attributes.text("c").empty());
  CHECK(to_text(AttributeValue(0.5)) == "0.5");
}
