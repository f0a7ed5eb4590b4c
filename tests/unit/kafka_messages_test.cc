// SPDX-License-Identifier: Apache-2.0
// Messages of Kafka in every version, against an encoder that shares nothing with the readers; then every beginning of
// each, and each with a byte changed.
#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "decode/kafka/api.h"
#include "decode/kafka/fetch.h"
#include "decode/kafka/group.h"
#include "decode/kafka/metadata.h"
#include "decode/kafka/produce.h"
#include "support/kafka_messages/encode.h"
#include "support/kafka_messages/guarded.h"
#include "support/traffic/random.h"

using namespace weft::kafka;
namespace encode = weft::test::kafka;
using encode::bytes_of;
using weft::test::Random;

namespace {

const Uuid orders_id = [] {
  Uuid id;
  id.fill('o');
  return id;
}();

encode::Topics some_topics() {
  encode::Topics topics(2);
  topics[0].topic = {"orders", std::string(16, 'o')};
  topics[0].partitions = {{.index = 0, .offset = 41, .records = "first"}, {.index = 7, .error = 6, .records = ""}};
  topics[0].partitions[0].aborted = {{1000, 40}, {1001, 41}};
  topics[1].topic = {"bills", std::string(16, 'b')};
  topics[1].partitions = {{.index = 2, .offset = 1LL << 40, .records = "third"}};
  return topics;
}

void check_topic(const Topic& topic, bool by_id) {
  CHECK(topic.name == (by_id ? "" : "orders"));
  CHECK(topic.id.has_value() == by_id);
  if (by_id) CHECK(*topic.id == orders_id);
}

using Read = std::function<std::expected<void, Fault>(Bytes)>;

// No beginning of a message is a message, nor is one with something behind it; and nothing outside it is read.
void check_broken(const std::string& message, const Read& read) {
  REQUIRE(read(encode::Guarded(message).bytes()));
  for (std::size_t size = 0; size < message.size(); size++) {
    const auto result = read(encode::Guarded(message.substr(0, size)).bytes());
    REQUIRE_FALSE(result);
    REQUIRE(result.error() == Fault::cut);
  }
  CHECK(read(bytes_of(message + "x")).error() == Fault::malformed);
  Random random(message.size());
  for (int i = 0; i < 200; i++) {
    std::string changed = message;
    changed[random.below(changed.size())] = static_cast<char>(random.next());
    static_cast<void>(read(encode::Guarded(changed).bytes()));
  }
}

}  // namespace

TEST_CASE("kafka: numbers and lengths at their edges") {
  const auto read = [](std::string_view text) { return Reader(bytes_of(text)); };
  CHECK(read("\x01").varint() == -1);
  CHECK(read(std::string("\0", 1)).varint() == 0);
  CHECK(read("\xff\xff\xff\xff\x0f").varint() == INT32_MIN);
  CHECK(read("\xfe\xff\xff\xff\x0f").varint() == INT32_MAX);
  CHECK(read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").varlong() == INT64_MIN);
  CHECK(read("\xff\xff\xff\xff\x0f").unsigned_varint() == UINT32_MAX);
  for (const char* bad : {"\xff\xff\xff\xff\x10", "\xff\xff\xff\xff\xff\x01", "\x80\x80\x80\x80\x80"}) {
    Reader reader = read(bad);
    reader.unsigned_varint();
    CHECK(reader.end().error() == Fault::malformed);
  }
  Reader negative = read("\xff\xfe");
  CHECK_FALSE(negative.nullable_string());
  CHECK(negative.end().error() == Fault::malformed);
  Reader null = read("\xff\xff");
  CHECK_FALSE(null.nullable_string());
  CHECK(null.end());
  Reader not_null = read("\xff\xff");
  not_null.string();
  CHECK(not_null.end().error() == Fault::malformed);
}

TEST_CASE("kafka: after a fault everything is empty, and the first one stays") {
  Reader reader(bytes_of("abc"));
  reader.i32();
  CHECK_FALSE(reader.ok());
  CHECK(reader.i8() == 0);
  CHECK(reader.string().empty());
  CHECK(reader.array() == 0);
  reader.fail(Fault::malformed);
  CHECK(reader.end().error() == Fault::cut);
}

TEST_CASE("kafka: tagged fields come in order, each once") {
  const auto end = [](std::string_view text) {
    Reader reader(bytes_of(text), true);
    reader.tags();
    return reader.end();
  };
  CHECK(end(std::string("\0", 1)));
  CHECK(end(std::string("\2\0\1x\3\2yz", 8)));
  CHECK(end(std::string("\2\3\1x\3\2yz", 8)).error() == Fault::malformed);
  CHECK(end(std::string("\2\3\1x\1\2yz", 8)).error() == Fault::malformed);
  CHECK(end(std::string("\1\0\5x", 4)).error() == Fault::cut);
}

TEST_CASE("kafka: headers of requests, versions 1 and 2, and of responses") {
  for (const bool flexible : {false, true}) {
    const int version = flexible ? 12 : 4;
    const std::string text = encode::request_header(1, version, flexible, -77, "billing") + "body";
    const auto header = read_request_header(bytes_of(text));
    REQUIRE(header);
    CHECK(header->api_key == 1);
    CHECK(header->api_version == version);
    CHECK(header->correlation_id == -77);
    CHECK(header->client_id == "billing");
    CHECK(text_of(header->body) == "body");
    const std::string response = encode::response_header(flexible, -77) + "body";
    const auto read = read_response_header(bytes_of(response), ApiKey::fetch, static_cast<std::int16_t>(version));
    REQUIRE(read);
    CHECK(read->correlation_id == -77);
    CHECK(text_of(read->body) == "body");
  }
  CHECK_FALSE(read_request_header(bytes_of(encode::request_header(1, 4, false, 1, std::nullopt)))->client_id);
  const std::string foreign = encode::request_header(42, 1, false, 9, "admin") + "body";
  const auto other = read_request_header(bytes_of(foreign));
  REQUIRE(other);
  CHECK(other->client_id == "admin");
  CHECK(other->body.empty());
  CHECK(read_request_header(bytes_of(encode::request_header(1, 99, true, 1, "x"))).error() == Fault::unsupported);
  CHECK(read_request_header(bytes_of("GET / HTTP/1.1\r\n")).error() == Fault::cut);
}

TEST_CASE("kafka: ApiVersions is answered without tagged fields in front, and in version 0 when it is not understood") {
  const std::string response = encode::response_header(false, 5) + encode::api_versions_response(4, 0);
  const auto header = read_response_header(bytes_of(response), ApiKey::api_versions, 4);
  REQUIRE(header);
  for (int version = 0; version <= 4; version++) {
    CAPTURE(version);
    for (const int error : {0, 35}) {
      const std::string text = encode::api_versions_response(version, error);
      const auto read = read_api_versions_response(bytes_of(text), static_cast<std::int16_t>(version));
      REQUIRE(read);
      CHECK(read->error_code == error);
      REQUIRE(read->versions.size() == 2);
      CHECK(read->versions[1].api_key == 1);
      CHECK(read->versions[1].highest == 13);
    }
  }
  const std::string hello(
      "\5weft\4"
      "0.1\0",
      10);
  const auto request = read_api_versions_request(bytes_of(hello), 3);
  REQUIRE(request);
  CHECK(request->client_software_name == "weft");
  CHECK(request->client_software_version == "0.1");
}

TEST_CASE("kafka: Produce, every version") {
  const encode::Topics topics = some_topics();
  for (std::int16_t version = 3; version <= 13; version++) {
    CAPTURE(version);
    ProduceRequest request;
    const std::string text = encode::produce_request(version, -1, "tx", topics);
    REQUIRE(read_produce_request(bytes_of(text), version, request));
    CHECK(request.transactional_id == "tx");
    CHECK(request.acks == -1);
    REQUIRE(request.partitions.size() == 3);
    check_topic(request.partitions[1].topic, version >= 13);
    CHECK(request.partitions[1].partition == 7);
    CHECK(text_of(request.partitions[0].records) == "first");
    CHECK(text_of(request.partitions[2].records) == "third");
    check_broken(text, [&](Bytes bytes) { return read_produce_request(bytes, version, request); });

    ProduceResponse response;
    const std::string answer = encode::produce_response(version, topics);
    REQUIRE(read_produce_response(bytes_of(answer), version, response));
    REQUIRE(response.partitions.size() == 3);
    check_topic(response.partitions[0].topic, version >= 13);
    CHECK(response.partitions[0].base_offset == 41);
    CHECK(response.partitions[1].error_code == 6);
    CHECK(response.throttle_ms == 17);
    check_broken(answer, [&](Bytes bytes) { return read_produce_response(bytes, version, response); });
  }
  ProduceRequest request;
  CHECK(read_produce_request({}, 2, request).error() == Fault::unsupported);
  CHECK(read_produce_request({}, 14, request).error() == Fault::unsupported);
}

TEST_CASE("kafka: Fetch, every version") {
  const encode::Topics topics = some_topics();
  for (std::int16_t version = 4; version <= 18; version++) {
    CAPTURE(version);
    FetchRequest request;
    const std::string text = encode::fetch_request(version, 99, 3, topics);
    REQUIRE(read_fetch_request(bytes_of(text), version, request));
    CHECK(request.session_id == (version >= 7 ? 99 : 0));
    CHECK(request.session_epoch == (version >= 7 ? 3 : -1));
    CHECK(request.read_committed);
    REQUIRE(request.partitions.size() == 3);
    check_topic(request.partitions[0].topic, version >= 13);
    CHECK(request.partitions[2].offset == 1LL << 40);
    check_broken(text, [&](Bytes bytes) { return read_fetch_request(bytes, version, request); });

    FetchResponse response;
    const std::string answer = encode::fetch_response(version, 99, topics);
    REQUIRE(read_fetch_response(bytes_of(answer), version, response));
    CHECK(response.session_id == (version >= 7 ? 99 : 0));
    REQUIRE(response.partitions.size() == 3);
    check_topic(response.partitions[1].topic, version >= 13);
    CHECK(response.partitions[1].error_code == 6);
    CHECK(response.partitions[0].high_watermark == 41);
    REQUIRE(response.partitions[0].aborted.size() == 2);
    CHECK(response.partitions[0].aborted[1].producer_id == 1001);
    CHECK(text_of(response.partitions[2].records) == "third");
    check_broken(answer, [&](Bytes bytes) { return read_fetch_response(bytes, version, response); });
  }
}

TEST_CASE("kafka: of a response that is cut, what came before is there") {
  const std::string answer = encode::fetch_response(17, 1, some_topics());
  FetchResponse response;
  const std::size_t at = answer.find("third");
  CHECK(read_fetch_response(bytes_of(std::string_view(answer).substr(0, at + 3)), 17, response).error() == Fault::cut);
  REQUIRE(response.partitions.size() == 3);
  CHECK(text_of(response.partitions[0].records) == "first");
  CHECK(text_of(response.partitions[2].records) == "thi");
}

TEST_CASE("kafka: Metadata, every version") {
  for (std::int16_t version = 0; version <= 13; version++) {
    CAPTURE(version);
    MetadataResponse response;
    const std::string text = encode::metadata_response(version, some_topics());
    REQUIRE(read_metadata_response(bytes_of(text), version, response));
    REQUIRE(response.topics.size() == 2);
    CHECK(response.topics[0].topic.name == "orders");
    CHECK(response.topics[0].topic.id.has_value() == (version >= 10));
    if (version >= 10) CHECK(*response.topics[0].topic.id == orders_id);
    CHECK(response.topics[1].topic.name == "bills");
    check_broken(text, [&](Bytes bytes) { return read_metadata_response(bytes, version, response); });
  }
}

TEST_CASE("kafka: who a client is in its group, every request and version") {
  for (const std::int16_t key : {8, 11, 12, 14, 68}) {
    const VersionRange range = *versions_of(key);
    for (std::int16_t version = range.lowest; version <= range.highest; version++) {
      CAPTURE(key);
      CAPTURE(version);
      GroupMember member;
      const std::string text = encode::group_request(key, version, "billing", "member-1", "static-1");
      REQUIRE(read_group_request(key, bytes_of(text), version, member));
      CHECK(member.group_id == "billing");
      CHECK(member.member_id == "member-1");
      const bool has_instance = version >= (key == 8 ? 7 : key == 11 ? 5 : key == 68 ? 0 : 3);
      CHECK(member.instance_id.has_value() == has_instance);
      if (has_instance) CHECK(*member.instance_id == "static-1");
      check_broken(text, [&](Bytes bytes) { return read_group_request(key, bytes, version, member); });
      CHECK_FALSE(
          read_group_request(key, bytes_of(std::string_view(text).substr(0, text.size() - 1)), version, member));
      CHECK(member.group_id == "billing");
    }
  }
  GroupMember member;
  CHECK(read_group_request(1, {}, 4, member).error() == Fault::unsupported);
}

TEST_CASE("kafka: a number of elements that is a lie costs no memory and no time") {
  encode::Writer out(false);
  out.i32(0);
  out.array(0x7fffffff);
  out.i32(1);
  FetchResponse response;
  CHECK(read_fetch_response(bytes_of(out.take()), 4, response).error() == Fault::cut);
  CHECK(response.partitions.empty());
}
