// SPDX-License-Identifier: Apache-2.0
// The judge judged: what it must accept, and that each kind of damage is seen, however the bytes are cut.
#include "support/traffic/compare.h"

#include <doctest/doctest.h>

#include <string>

namespace weft::test {
namespace {

constexpr const char* kContext = "00-11111111111111111111111111111111-2222222222222222-01";
const std::string kAdded = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

Stream one(const std::string& head, const std::string& body, Message facts = {}) {
  facts.head_end = head.size();
  facts.end = head.size() + body.size();
  return {.bytes = head + body, .messages = {facts}};
}

Tally judge(const Stream& sent, const std::string& received, const std::string& known = {}, std::size_t step = 1000) {
  StreamComparer comparer(sent, known);
  bool well = true;
  for (std::size_t at = 0; well && at < received.size(); at += step) well = comparer.feed(received.substr(at, step));
  if (well) comparer.finish();
  CHECK((comparer.tally().differing > 0) == !comparer.fault().empty());
  return comparer.tally();
}

const Stream kPost = one("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", "abc");

TEST_CASE("unchanged bytes are right at every cut") {
  for (std::size_t step = 1; step < 60; step++) {
    const Tally tally = judge(kPost, kPost.bytes, {}, step);
    CHECK(tally.faults() == 0);
    CHECK(tally.requests == 1);
    CHECK(tally.eligible == 1);
    CHECK(tally.injected == 0);
  }
}

TEST_CASE("added headers right before the blank line are right") {
  std::string got = kPost.bytes;
  got.insert(kPost.messages[0].head_end - 2, kAdded + "tracestate: a=1\r\nbaggage: k=v\r\n");
  for (std::size_t step = 1; step < 60; step++) {
    const Tally tally = judge(kPost, got, {}, step);
    CHECK(tally.faults() == 0);
    CHECK(tally.injected == 1);
    CHECK(tally.tracestate_added == 1);
    CHECK(tally.baggage_added == 1);
  }
}

TEST_CASE("every single changed, missing or added byte is seen") {
  for (std::size_t i = 0; i < kPost.bytes.size(); i++) {
    std::string changed = kPost.bytes, missing = kPost.bytes, added = kPost.bytes;
    changed[i] ^= 1;
    missing.erase(i, 1);
    added.insert(i, "~");
    CAPTURE(i);
    CHECK(judge(kPost, changed).differing == 1);
    CHECK(judge(kPost, missing).differing == 1);
    CHECK(judge(kPost, added).differing == 1);
  }
  CHECK(judge(kPost, kPost.bytes + "x").differing == 1);
}

TEST_CASE("headers in the wrong place, twice, malformed or of another name are seen") {
  const std::size_t end = kPost.messages[0].head_end - 2;
  const auto with = [&](std::size_t at, const std::string& text) { return std::string(kPost.bytes).insert(at, text); };
  CHECK(judge(kPost, with(17, kAdded)).differing == 1);
  CHECK(judge(kPost, with(end, kAdded + kAdded)).duplicates == 1);
  CHECK(judge(kPost, with(end, "X-Other: 1\r\n")).differing == 1);
  CHECK(judge(kPost, with(end, "traceparent: 00-0-0-01\r\n")).malformed == 1);
  CHECK(judge(kPost, with(end, "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n")).malformed ==
        1);
  CHECK(judge(kPost, with(end, "baggage: novalue\r\n")).malformed == 1);
  CHECK(judge(kPost, with(end, kAdded), kContext).wrong_trace == 1);
}

TEST_CASE("a context of its own") {
  const Stream own = one(std::string("GET / HTTP/1.1\r\nTraceparent: ") + kContext + "\r\n\r\n", "", {.contexts = 1});
  CHECK(judge(own, own.bytes).eligible == 0);
  std::string got = own.bytes;
  got.insert(got.size() - 2, kAdded);
  CHECK(judge(own, got).duplicates == 1);
  CHECK(judge(own, got).own_touched == 1);

  Stream carried = own;
  carried.messages[0].known = carried.messages[0].any_known = true;
  std::string replaced = own.bytes;
  replaced.replace(replaced.find("2222222222222222"), 16, "b7ad6b7169203331");
  CHECK(judge(carried, replaced, kContext).faults() == 0);
  CHECK(judge(carried, replaced, kContext).overwritten == 1);
  CHECK(judge(carried, replaced).differing == 1);  // nothing was received, so nothing may be replaced
  replaced.replace(replaced.find("1111"), 4, "3333");
  CHECK(judge(carried, replaced, kContext).differing == 1);  // the trace id must stay
}

}  // namespace
}  // namespace weft::test
