// SPDX-License-Identifier: Apache-2.0
// Jaeger's uberctx- headers to and from baggage members (bpf/wire/uber_baggage.h).
#include <doctest/doctest.h>

#include <cstring>
#include <memory>

#include "support/context_cases.h"
#include "wire/uber_baggage.h"

namespace weft::test {
namespace {

// Members of the uberctx- lines of a head, without those whose key is among `w3c`.
std::string members(const std::vector<std::string>& lines, const std::vector<std::string>& w3c = {}) {
  std::vector<std::string> all = lines;
  for (const std::string& value : w3c) all.push_back("baggage: " + value);
  const std::string head = request_head(all);
  auto text = std::make_unique<head_text>();
  auto work = std::make_unique<uber_work>();
  std::memcpy(text->bytes, head.data(), head.size());
  carriers found{};
  carriers_scan(text.get(), static_cast<__u32>(head.size()), &found);
  text_lines baggage{};
  for (int i = 0; i < found.count; i++)
    if (found.line[i].carrier == CARRIER_BAGGAGE)
      baggage.line[baggage.count++] = {found.line[i].start, found.line[i].end};
  const __u32 from = static_cast<__u32>(head.size()), to = uber_members(text.get(), &baggage, &found, work.get(), from);
  CHECK(to <= HEAD_TEXT_CAP);
  return {reinterpret_cast<char*>(text->bytes) + from, to - from};
}

std::string lines(const std::string& baggage, __u32 limit = 8000) {
  auto text = std::make_unique<head_text>();
  auto work = std::make_unique<uber_work>();
  std::memcpy(text->bytes + 8192, baggage.data(), baggage.size());
  const __u32 range = 8192u | (8192u + static_cast<__u32>(baggage.size())) << 16;
  const __u32 to = uber_lines(text.get(), work.get(), range, 100, limit);
  CHECK(to <= limit);
  return {reinterpret_cast<char*>(text->bytes) + 100, to - 100};
}

}  // namespace

TEST_CASE("uberctx- to baggage") {
  CHECK(members({}).empty());
  CHECK(members({"uberctx-a: 1"}) == ",a=1");
  CHECK(members({"Uberctx-User-Id:ann", "Host: x", "uberctx-b: 2 "}) == ",user-id=ann,b=2");
  CHECK(members({"uberctx-a:", "uberctx-b: 2"}) == ",a=,b=2");
  CHECK(members({"uberctx-a: 100%", "uberctx-b: %4", "uberctx-c: %4x%aF%"}) == ",a=100%25,b=%254,c=%254x%aF%25");
  CHECK(members({"uberctx-a: x y,z;\"\\\xC3\xA4%20"}) == ",a=x%20y%2Cz%3B%22%5C%C3%A4%20");
  CHECK(members({"uberctx-: 1", "uberctx-a=b: 2"}) == ",a=b=2");
  // The W3C header wins for a key, whatever its case and wherever it stands.
  CHECK(members({"uberctx-a: 1", "uberctx-b: 2", "uberctx-c: 3"}, {"x=1, A =5", "q;b=1,c=7;p"}) == ",b=2");
  CHECK(members({"uberctx-aa: 1"}, {"a=1,aaa=2"}) == ",aa=1");
  // What finds no room is left out whole.
  const std::string large(8000, 'v');
  CHECK(members({"uberctx-a: " + large}).size() == 8003);
  CHECK(members({"uberctx-a: 1", "uberctx-b: " + std::string(4100, ' ') + "x" + std::string(4100, ' '), "uberctx-c: 1"})
            .starts_with(",a=1"));
}

TEST_CASE("baggage to uberctx-") {
  CHECK(lines("").empty());
  CHECK(lines("a=1") == "uberctx-a: 1\r\n");
  CHECK(lines("a=1,b=2;p=3;q,c=") == "uberctx-a: 1\r\nuberctx-b: 2\r\nuberctx-c: \r\n");
  CHECK(lines("a b=1,c:d=2,e=3,f") == "uberctx-e: 3\r\n");
  CHECK(lines("a=1=2,,b=3") == "uberctx-a: 1=2\r\nuberctx-b: 3\r\n");
  CHECK(lines("a=1,bbbbbbbbbb=2", 120) == "uberctx-a: 1\r\n");
}

}  // namespace weft::test
