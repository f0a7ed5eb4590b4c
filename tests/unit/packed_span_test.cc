// SPDX-License-Identifier: Apache-2.0
#include "pipeline/packed_span.h"

#include <doctest/doctest.h>

#include <random>

#include "support/same_span.h"
#include "unit/store_spans.h"

using namespace weft;

namespace {

// The resource is not copied either.
void same(const Span& a, const Span& b) {
  testing::check_same(a, b);
  CHECK(a.resource == b.resource);
}

Span full_span() {
  Span span = *make_span({.trace = 7, .span = 8, .parent = 9, .kind = SpanKind::consumer, .error = true, .name = "n"});
  span.parent_is_remote = true;
  span.flags = 3;
  span.trace_state = "a=b,c=d";
  span.status_message = std::string("with\0zero", 9);
  span.attributes.items.emplace_back(AttributeKey("http.request.method"), std::string("GET"));
  span.attributes.items.emplace_back(AttributeKey("http.response.status_code"), std::int64_t{-1});
  span.attributes.items.emplace_back(AttributeKey("ratio"), 0.25);
  span.attributes.items.emplace_back(AttributeKey("tombstone"), true);
  span.attributes.set("http.request.header.x-owned", std::string(3000, 'v'));
  span.attributes.set("empty", std::string());
  span.links.push_back({trace_id(1), id_of<SpanId>(2)});
  span.links.push_back({trace_id(3), id_of<SpanId>(4)});
  span.baggage = {{"tenant", "acme"}, {"", ""}};
  return span;
}

}  // namespace

TEST_CASE("packed span: what comes out is what went in") {
  same(PackedSpan(Span{}).unpacked(), Span{});
  const Span span = full_span();
  const PackedSpan packed(span);
  same(packed.unpacked(), span);
  same(packed.unpacked(), span);
  std::vector<std::byte> bytes;
  append_packed(span, bytes);
  const PackedSpanView view(bytes.data());
  CHECK(view.size() == bytes.size());
  CHECK(view.trace_id() == span.trace_id);
  CHECK(view.kind() == SpanKind::consumer);
  CHECK(view.status() == StatusCode::error);
}

TEST_CASE("packed span: what it has in common with others is packed with it, or left out") {
  Span span = full_span();
  span.attributes.common = std::make_shared<const CommonAttributes>(
      std::vector<Attribute>{{AttributeKey("url.path"), std::string("/a")},
                             {AttributeKey("n"), std::int64_t{1}},
                             {AttributeKey("d"), 0.5},
                             {AttributeKey("b"), true},
                             {AttributeKey::copied("owned"), std::int64_t{1}}});
  same(PackedSpan(span).unpacked(), span);
  std::vector<std::byte> all, own;
  append_packed(span, all);
  append_packed_own(span, own);
  same(PackedSpanView(own.data()).unpacked(span.resource, span.attributes.common), span);
  CHECK(all.size() > own.size());
  CHECK(all.size() <= own.size() + packed_bytes(*span.attributes.common));
}

TEST_CASE("packed span: owned names and values outlive the span that they came from") {
  const Span span = full_span();
  auto gone = std::make_unique<Span>(span);
  const PackedSpan packed(*gone);
  gone.reset();
  same(packed.unpacked(), span);
}

TEST_CASE("packed span: random spans") {
  std::mt19937 random(1);
  const auto below = [&](std::size_t most) { return random() % most; };
  const auto text = [&] { return std::string(below(40), static_cast<char>(random())); };
  for (int i = 0; i < 2000; i++) {
    Span span = *make_span({.trace = i, .span = i + 1, .name = text()});
    span.trace_state = text();
    for (std::size_t n = below(30); n > 0; n--) {
      const AttributeValue values[] = {text(), static_cast<std::int64_t>(random()), 1.5 * random(), random() % 2 == 0};
      AttributeKey key = below(2) ? AttributeKey("literal") : AttributeKey::copied(text());
      span.attributes.items.emplace_back(std::move(key), values[below(4)]);
    }
    for (std::size_t n = below(4); n > 0; n--) span.baggage.emplace_back(text(), text());
    same(PackedSpan(span).unpacked(), span);
  }
}

TEST_CASE("attribute key: copies own what they own, constants are referred to") {
  const AttributeKey literal("http.route");
  std::string name = "http.request.header.x-tenant";
  AttributeKey owned = AttributeKey::copied(name);
  AttributeKey copy = owned, moved = std::move(owned);
  name.assign(name.size(), '#');
  CHECK(copy == "http.request.header.x-tenant");
  CHECK(moved == copy);
  CHECK(copy.text().data() != moved.text().data());
  const AttributeKey again = literal;
  CHECK(again.text().data() == literal.text().data());
  copy = again;
  CHECK(copy == "http.route");
  moved = AttributeKey::copied("");
  CHECK(moved == "");
}
