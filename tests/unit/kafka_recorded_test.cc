// SPDX-License-Identifier: Apache-2.0
// What Java's client, librdkafka and kafka-python said to a real broker, and it to them, is read to the last byte of
// every frame; and the records are those that the clients were told to send. data/kafka/record made the files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "decode/kafka/api.h"
#include "decode/kafka/fetch.h"
#include "decode/kafka/group.h"
#include "decode/kafka/metadata.h"
#include "decode/kafka/produce.h"
#include "decode/kafka/records.h"
#include "support/kafka_messages/encode.h"
#include "support/kafka_messages/guarded.h"

using namespace weft::kafka;
using weft::test::kafka::bytes_of;

namespace {

std::string content_of(const std::string& name) {
  std::ifstream in(std::string(WEFT_KAFKA_DATA) + "/" + name, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), name);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Asked {
  ApiKey key;
  std::int16_t version;
};

// Everything that one client's conversations say.
class Conversation {
 public:
  explicit Conversation(const std::string& name) : text_(content_of(name)) {
    for (std::size_t at = 0; at < text_.size();) {
      const auto connection = static_cast<unsigned char>(text_[at]);
      const bool response = text_[at + 1];
      const auto size = static_cast<std::size_t>(Reader(bytes_of(std::string_view(text_).substr(at + 2, 4))).i32());
      const Bytes frame = bytes_of(std::string_view(text_).substr(at + 6, size));
      response ? take_response(connection, frame) : take_request(connection, frame);
      at += 6 + size;
    }
  }

  std::multiset<std::string> produced, fetched;
  std::set<std::string> groups, clients;
  std::set<std::pair<ApiKey, int>> versions;
  std::set<Compression> compressions;
  std::map<Uuid, std::string> names;
  std::size_t aborted = 0, controls = 0, transactional = 0, acknowledged = 0;

 private:
  void take_request(int connection, Bytes frame) {
    const auto header = read_request_header(frame);
    REQUIRE(header);
    const auto key = static_cast<ApiKey>(header->api_key);
    versions.insert({key, header->api_version});
    if (header->client_id) clients.emplace(*header->client_id);
    asked_[{connection, header->correlation_id}] = {key, header->api_version};
    CAPTURE(header->api_key);
    CAPTURE(header->api_version);
    GroupMember member;
    if (key == ApiKey::produce) {
      ProduceRequest request;
      REQUIRE(read_produce_request(header->body, header->api_version, request));
      transactional += request.transactional_id.has_value();
      for (const ProducePartition& partition : request.partitions) take(partition.topic, partition.records, produced);
    } else if (key == ApiKey::fetch) {
      FetchRequest request;
      REQUIRE(read_fetch_request(header->body, header->api_version, request));
    } else if (key == ApiKey::api_versions) {
      REQUIRE(read_api_versions_request(header->body, header->api_version));
    } else if (read_group_request(header->api_key, header->body, header->api_version, member)) {
      groups.emplace(member.group_id);
    } else {
      REQUIRE(key == ApiKey::metadata);
    }
  }

  void take_response(int connection, Bytes frame) {
    const auto asked = asked_.extract({connection, Reader(frame).i32()});
    REQUIRE(asked);
    const auto [key, version] = asked.mapped();
    const auto header = read_response_header(frame, key, version);
    REQUIRE(header);
    CAPTURE(static_cast<int>(key));
    CAPTURE(version);
    if (key == ApiKey::produce) {
      ProduceResponse response;
      REQUIRE(read_produce_response(header->body, version, response));
      for (const ProduceResult& result : response.partitions) acknowledged += result.error_code == 0;
    } else if (key == ApiKey::fetch) {
      FetchResponse response;
      REQUIRE(read_fetch_response(header->body, version, response));
      for (const FetchPartition& partition : response.partitions) {
        aborted += partition.aborted.size();
        take(partition.topic, partition.records, fetched);
      }
    } else if (key == ApiKey::metadata) {
      MetadataResponse response;
      REQUIRE(read_metadata_response(header->body, version, response));
      for (const MetadataTopic& topic : response.topics)
        if (topic.topic.id && topic.error_code == 0) names[*topic.topic.id] = topic.topic.name;
    } else if (key == ApiKey::api_versions) {
      const auto response = read_api_versions_response(header->body, version);
      REQUIRE(response);
      CHECK(response->versions.size() > 20);
    }
  }

  void take(const Topic& topic, Bytes bytes, std::multiset<std::string>& out) {
    BatchReader batches(bytes);
    RecordBatch batch;
    while (batches.next(batch)) {
      CHECK(weft::test::kafka::crc32c(std::string(text_of(batch.checked))) == batch.crc);
      compressions.insert(batch.compression());
      records_.open(batch);
      for (Record record; records_.next(record);) {
        if (batch.control()) {
          controls++;
          continue;
        }
        std::string line = topic.id ? names.contains(*topic.id) ? names[*topic.id] : "?" : std::string(topic.name);
        const auto word = [](const std::optional<Bytes>& blob) { return blob ? std::string(text_of(*blob)) : "~"; };
        line += " " + word(record.key) + " " + word(record.value);
        for (const RecordHeader& one : record.headers)
          line += " " + std::string(one.key) + "=" + std::string(one.value.value_or("~"));
        out.insert(line);
      }
      CHECK_FALSE(records_.fault());
    }
    CHECK_FALSE(batches.fault());
  }

  std::string text_;
  std::map<std::pair<int, std::int32_t>, Asked> asked_;
  RecordReader records_;
};

std::multiset<std::string> told(const std::string& client) {
  std::istringstream lines(content_of(client + ".records"));
  std::multiset<std::string> out;
  for (std::string line; std::getline(lines, line);) out.insert(line);
  return out;
}

const std::set<Compression> all_compressions = {Compression::none, Compression::gzip, Compression::snappy,
                                                Compression::lz4, Compression::zstd};

}  // namespace

TEST_CASE("kafka recorded: Java's client of version 4") {
  const Conversation java("java.frames");
  CHECK(java.produced == told("java"));
  // Two consumers, in groups of both kinds.
  std::multiset<std::string> twice = told("java");
  twice.merge(told("java"));
  CHECK(java.fetched == twice);
  CHECK(java.compressions == all_compressions);
  CHECK(java.groups == std::set<std::string>{"classic", "next"});
  CHECK(java.clients.contains("orders-1"));
  CHECK(java.clients.contains("billing-1"));
  CHECK(java.versions.contains({ApiKey::produce, 13}));
  CHECK(java.versions.contains({ApiKey::consumer_group_heartbeat, 1}));
  CHECK(java.acknowledged >= 5);
}

TEST_CASE("kafka recorded: librdkafka, with transactions") {
  const Conversation rd("librdkafka.frames");
  CHECK(rd.produced == told("librdkafka"));
  CHECK(rd.compressions == all_compressions);
  CHECK(rd.groups == std::set<std::string>{"rd-group"});
  CHECK(rd.clients.contains("rd-consumer"));
  CHECK(rd.fetched == told("librdkafka"));  // the aborted one as well: the client is told to leave it out
  CHECK(rd.transactional == 2);
  CHECK(rd.controls == 2);
  CHECK(rd.aborted == 1);
}

TEST_CASE("kafka recorded: kafka-python") {
  const Conversation python("kafka-python.frames");
  CHECK(python.produced == told("kafka-python"));
  CHECK(python.fetched == told("kafka-python"));
  CHECK(python.compressions == all_compressions);
  CHECK(python.groups == std::set<std::string>{"py-group"});
}
