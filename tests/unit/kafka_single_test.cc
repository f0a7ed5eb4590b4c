// SPDX-License-Identifier: Apache-2.0
// Baggage as one record header a member. The oracle takes the text apart with strings.
#include "wire/kafka_single.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <string>

#include "support/kafka/work.h"

namespace weft::test::kafka {
namespace {

std::string trimmed(std::string text) {
  const auto begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::string decoded(const std::string& text) {
  const auto is_hex = [&](std::size_t at) {
    return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at]));
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); i++) {
    const bool escape = text[i] == '%' && is_hex(i + 1) && is_hex(i + 2);
    out += escape ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i];
    if (escape) i += 2;
  }
  return out;
}

std::vector<Header> expected(const std::string& baggage) {
  const std::string marks = "!#$&'*+-.^_`|~%";
  std::vector<Header> headers;
  for (std::size_t at = 0; at < baggage.size();) {
    const std::string member = baggage.substr(at, baggage.find(',', at) - at);
    at += member.size() + 1;
    const std::size_t equals = member.find('=');
    const std::string key = member.substr(0, equals);
    const bool token = !key.empty() && std::ranges::all_of(key, [&](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || marks.find(c) != std::string::npos;
    });
    if (equals == std::string::npos || !token) continue;
    const std::string value = member.substr(equals + 1, member.find(';', equals) - equals - 1);
    headers.push_back({"baggage-" + key, decoded(trimmed(value))});
  }
  return headers;
}

// What the headers are encoded as, and their number.
std::pair<Bytes, std::size_t> made(const std::string& baggage) {
  static const auto work = new_work();
  static const auto text = std::make_unique<head_text>();
  std::memcpy(text->bytes, baggage.data(), baggage.size());
  std::memset(text->bytes + baggage.size(), 'z', 32);
  std::memset(work->added, 'x', sizeof work->added);
  work->ids_bytes = 70;
  kafka_single_headers(text.get(), work.get(), static_cast<__u32>(baggage.size()));
  CHECK(std::ranges::all_of(std::span(work->added).first(70), [](__u8 b) { return b == 'x'; }));
  return {{reinterpret_cast<const char*>(work->added) + 70, work->baggage_bytes}, work->baggage_count};
}

void check(const std::string& baggage) {
  CAPTURE(baggage);
  const std::vector<Header> headers = expected(baggage);
  const auto [bytes, count] = made(baggage);
  CHECK(count == headers.size());
  CHECK(bytes == encode_headers(headers));
}

}  // namespace

TEST_CASE("Kafka: each member of baggage becomes a header") {
  CHECK(made("tenant=acme").first == encode_headers({{"baggage-tenant", "acme"}}));
  CHECK(made("a=1;p=2,b=x%20y%2C,c=").first ==
        encode_headers({{"baggage-a", "1"}, {"baggage-b", "x y,"}, {"baggage-c", ""}}));
  for (const char* baggage : {"", "a", "=1", "a b=1,c=2", "a= 1 ,b=\t2", "a=%20x%20", "a=%", "a=%4", "a=%zz", "a=1;",
                              "a=;p", "a;b=1", "a=b=c", ",,a=1,,", "\xc3\xa9=1,b=\xc3\xa9"})
    check(baggage);
}

TEST_CASE("Kafka: random baggage, as headers") {
  std::mt19937_64 random(5);
  const std::string bytes = "ab=,;% 2C\t\xc3~.";
  for (int i = 0; i < 40000; i++) {
    std::string baggage;
    for (std::size_t n = random() % 60; n > 0; n--) baggage += bytes[random() % bytes.size()];
    check(baggage);
  }
  for (const std::size_t n : {62u, 63u, 64u, 8000u}) {
    check("k=" + std::string(n, 'v'));
    check(std::string(n - 8, 'k') + "=v,b=2");
  }
}

TEST_CASE("Kafka: what finds no room is left out whole") {
  std::string baggage;
  for (int i = 0; i < 2600; i++) baggage += "k=,";  // 11 bytes of a header from 3 of text
  const auto [bytes, count] = made(baggage);
  std::vector<Header> headers = expected(baggage);
  CHECK(count < headers.size());
  headers.resize(count);
  CHECK(bytes == encode_headers(headers));
  CHECK(bytes.size() + 70 + 11 > KAFKA_ADDED_CAP);
}

TEST_CASE("Kafka: a record is given as many headers as there are members, and its own of that form stay alone") {
  static const auto work = new_work();
  static const auto text = std::make_unique<head_text>();
  const std::string baggage = "a=1,b=2,c=3";
  for (const bool singles : {false, true})
    for (const char* name : {"other", "baggage-x", "baggage-", "baggage"}) {
      CAPTURE(singles);
      CAPTURE(name);
      Produce request;
      request.version = 8;
      request.client_id = "client";
      Batch batch;
      batch.count = 1;
      Record record;
      record.value = "value";
      record.headers = {{name, "own"}};
      batch.records = {record};
      request.topics = {{"orders", {{3, batch, {}}}}};
      give(*work, encode(request), added_context());
      std::memcpy(text->bytes, baggage.data(), baggage.size());
      kafka_single_headers(text.get(), work.get(), static_cast<__u32>(baggage.size()));
      work->singles = singles;
      REQUIRE(kafka_produce_read(work.get()) == KAFKA_WHOLE);
      REQUIRE(kafka_rebuild(work.get()));
      const auto headers = decode(target(*work)).topics[0].partitions[0].batch.records[0].headers;
      const bool own = std::string(name) == "baggage" || (singles && std::string(name) == "baggage-x");
      CHECK(headers.size() == 1 + 1 + (own ? 0 : 3));
      CHECK(work->own_baggage == (own ? 1 : 0));
    }
}

}  // namespace weft::test::kafka
