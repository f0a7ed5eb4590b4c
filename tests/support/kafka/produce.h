// SPDX-License-Identifier: Apache-2.0
// Produce requests as values, with an encoder and a strict decoder that share nothing with the product.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace weft::test::kafka {

using Bytes = std::string;

struct Header {
  Bytes key;
  std::optional<Bytes> value;
  bool operator==(const Header&) const = default;
};

struct Record {
  std::int8_t attributes = 0;
  std::int64_t time_delta = 0;
  std::int32_t offset_delta = 0;
  std::optional<Bytes> key, value;
  std::vector<Header> headers;
  bool operator==(const Record&) const = default;
};

struct Batch {
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = -1;
  std::int8_t magic = 2;
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_time = 0, max_time = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t count = 0;
  std::vector<Record> records;
  Bytes opaque;  // in place of the records: compressed or control
  bool operator==(const Batch&) const = default;
};

struct Partition {
  std::int32_t index = 0;
  Batch batch;
  Bytes raw;  // in place of the batch: an old message format
  bool operator==(const Partition&) const = default;
};

struct Topic {
  Bytes name;  // or its id, of 16 bytes
  std::vector<Partition> partitions;
  bool operator==(const Topic&) const = default;
};

struct Produce {
  int version = 9;
  std::int32_t correlation_id = 1;
  std::optional<Bytes> client_id, transactional_id;
  std::int16_t acks = -1;
  std::int32_t timeout = 30000;
  std::vector<Topic> topics;
  bool operator==(const Produce&) const = default;
};

// With the length in front.
Bytes encode(const Produce& request);
// Throws std::runtime_error, saying what is wrong, when it is not exactly one well-formed request with right sums.
Produce decode(const Bytes& bytes);

std::uint32_t crc32c(const Bytes& bytes);  // a bit at a time

Produce random_produce(std::mt19937_64& random, std::size_t value_bytes = 300);

// What each record that is changed is given.
struct Added {
  std::vector<Header> ids;
  std::optional<Header> baggage;
  bool replace = false;
};
// The request that is expected; `changed` counts records.
Produce with_headers(Produce request, const Added& added, std::size_t& changed);
// The same where records are given different ones: those of the record with this number; null: none.
using AddedTo = std::function<const Added*(std::size_t)>;
Produce with_headers(Produce request, const AddedTo& whose, std::size_t& changed);
Bytes encode_headers(const std::vector<Header>& headers);

}  // namespace weft::test::kafka
