// SPDX-License-Identifier: Apache-2.0
// Kafka messages as a client and a broker send them, in every version that is read: the other half of decode/kafka,
// which shares nothing with it. Made strictly by the schemas in https://kafka.apache.org/protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::test::kafka {

class Writer {
 public:
  explicit Writer(bool flexible) : flexible_(flexible) {}

  std::string take() { return std::move(text_); }
  bool flexible() const { return flexible_; }

  void number(std::uint64_t value, int bytes);
  void i8(int value) { number(static_cast<std::uint64_t>(value), 1); }
  void i16(int value) { number(static_cast<std::uint64_t>(value), 2); }
  void i32(std::int64_t value) { number(static_cast<std::uint64_t>(value), 4); }
  void i64(std::int64_t value) { number(static_cast<std::uint64_t>(value), 8); }
  void unsigned_varint(std::uint64_t value);
  void zigzag(std::int64_t value);
  void raw(const std::string& bytes) { text_ += bytes; }
  void string(const std::optional<std::string>& text);
  void bytes(const std::optional<std::string>& text);
  void array(std::size_t elements);
  void tags(int count = 0);

 private:
  bool flexible_;
  std::string text_;
};

struct Header {
  std::string key;
  std::optional<std::string> value;
  bool operator==(const Header&) const = default;
};
struct Record {
  std::int64_t offset_delta = 0, timestamp_delta = 0;
  std::optional<std::string> key, value;
  std::vector<Header> headers;
};
enum class Codec { none, gzip, snappy, lz4, zstd, xerial_snappy };
struct Batch {
  std::int64_t base_offset = 0, base_timestamp = 0, max_timestamp = 0;
  bool log_append_time = false, transactional = false, control = false;
  std::int64_t producer_id = -1;
  Codec codec = Codec::none;
  std::vector<Record> records;
};
std::string encode(const Batch& batch);
std::string compress(Codec codec, const std::string& text);
std::uint32_t crc32c(const std::string& text);

struct Topic {
  std::string name;
  std::string id = std::string(16, 'i');
};
struct Partition {
  int index = 0;
  int error = 0;
  std::int64_t offset = 0;
  std::optional<std::string> records;
  std::vector<std::pair<std::int64_t, std::int64_t>> aborted;
};
struct TopicPartitions {
  Topic topic;
  std::vector<Partition> partitions;
};
using Topics = std::vector<TopicPartitions>;

std::string request_header(int api_key, int version, bool flexible, int correlation_id,
                           const std::optional<std::string>& client_id);
std::string response_header(bool flexible, int correlation_id);
std::string produce_request(int version, int acks, const std::optional<std::string>& transactional_id,
                            const Topics& topics);
std::string produce_response(int version, const Topics& topics);
std::string fetch_request(int version, int session, int epoch, const Topics& topics);
std::string fetch_response(int version, int session, const Topics& topics);
std::string metadata_response(int version, const Topics& topics);
// Of the keys 8, 11, 12, 14 and 68.
std::string group_request(int api_key, int version, const std::string& group, const std::string& member,
                          const std::optional<std::string>& instance);
std::string api_versions_response(int version, int error);

// With the length in front.
std::string frame(const std::string& content);

}  // namespace weft::test::kafka
