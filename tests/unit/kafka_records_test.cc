// SPDX-License-Identifier: Apache-2.0
// Record batches and what they are compressed with.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "decode/kafka/records.h"
#include "support/kafka_messages/encode.h"
#include "support/kafka_messages/guarded.h"
#include "support/traffic/random.h"

using namespace weft::kafka;
namespace encode = weft::test::kafka;
using encode::bytes_of;
using weft::test::Random;

namespace {

constexpr std::array codecs = {encode::Codec::none, encode::Codec::gzip, encode::Codec::snappy,
                               encode::Codec::lz4,  encode::Codec::zstd, encode::Codec::xerial_snappy};

std::string random_text(Random& random, std::size_t most) {
  std::string text;
  random.one_in(2) ? random.append_bytes(text, random.below(most)) : random.append_letters(text, random.below(most));
  return text;
}

encode::Batch random_batch(Random& random) {
  encode::Batch batch;
  batch.base_offset = static_cast<std::int64_t>(random.below(1u << 30));
  batch.base_timestamp = 1700000000000;
  batch.max_timestamp = 1700000000500;
  batch.log_append_time = random.one_in(4);
  batch.transactional = random.one_in(4);
  batch.producer_id = batch.transactional ? 4000 : -1;
  const std::size_t records = random.between(1, 12);
  for (std::size_t i = 0; i < records; i++) {
    encode::Record record;
    record.offset_delta = static_cast<std::int64_t>(i);
    record.timestamp_delta = static_cast<std::int64_t>(random.below(100)) - 50;
    if (!random.one_in(3)) record.key = random_text(random, 20);
    if (!random.one_in(5)) record.value = random_text(random, 400);
    for (std::size_t h = random.below(4); h > 0; h--) {
      record.headers.push_back({random_text(random, 12), std::nullopt});
      if (!random.one_in(4)) record.headers.back().value = random_text(random, 80);
    }
    batch.records.push_back(record);
  }
  return batch;
}

void check_same(const Record& read, const encode::Record& made, const encode::Batch& batch) {
  CHECK(read.offset == batch.base_offset + made.offset_delta);
  CHECK(read.timestamp_ms ==
        (batch.log_append_time ? batch.max_timestamp : batch.base_timestamp + made.timestamp_delta));
  REQUIRE(read.key.has_value() == made.key.has_value());
  if (read.key) CHECK(text_of(*read.key) == *made.key);
  REQUIRE(read.value.has_value() == made.value.has_value());
  if (read.value) CHECK(text_of(*read.value) == *made.value);
  REQUIRE(read.headers.size() == made.headers.size());
  for (std::size_t i = 0; i < read.headers.size(); i++) {
    CHECK(read.headers[i].key == made.headers[i].key);
    REQUIRE(read.headers[i].value.has_value() == made.headers[i].value.has_value());
    if (read.headers[i].value) CHECK(*read.headers[i].value == *made.headers[i].value);
  }
}

std::size_t count_records(Bytes bytes) {
  BatchReader batches(bytes);
  RecordReader records;
  std::size_t count = 0;
  RecordBatch batch;
  Record record;
  while (batches.next(batch))
    for (records.open(batch); records.next(record);) count++;
  return count;
}

}  // namespace

TEST_CASE("kafka records: what an encoder made, in every compression") {
  Random random(8);
  RecordReader records;
  for (int round = 0; round < 300; round++) {
    std::vector<encode::Batch> made;
    std::string text;
    for (std::size_t i = random.between(1, 3); i > 0; i--) {
      made.push_back(random_batch(random));
      made.back().codec = codecs[random.below(codecs.size())];
      text += encode::encode(made.back());
    }
    encode::Guarded guarded(text);
    BatchReader batches(guarded.bytes());
    RecordBatch batch;
    for (const encode::Batch& expected : made) {
      REQUIRE(batches.next(batch));
      CHECK_FALSE(batch.cut);
      CHECK(batch.record_count == static_cast<std::int32_t>(expected.records.size()));
      CHECK(batch.transactional() == expected.transactional);
      CHECK(batch.producer_id == expected.producer_id);
      CHECK(encode::crc32c(std::string(text_of(batch.checked))) == batch.crc);
      records.open(batch);
      Record record;
      for (const encode::Record& one : expected.records) {
        REQUIRE(records.next(record));
        check_same(record, one, expected);
      }
      CHECK_FALSE(records.next(record));
      CHECK_FALSE(records.fault());
    }
    CHECK_FALSE(batches.next(batch));
    CHECK_FALSE(batches.fault());
  }
}

TEST_CASE("kafka records: the last batch of a Fetch may be cut anywhere") {
  Random random(9);
  for (const encode::Codec codec : codecs) {
    CAPTURE(static_cast<int>(codec));
    encode::Batch first = random_batch(random), last = random_batch(random);
    first.codec = last.codec = codec;
    const std::string whole = encode::encode(first), text = whole + encode::encode(last);
    for (std::size_t size = whole.size(); size <= text.size(); size++) {
      encode::Guarded guarded(text.substr(0, size));
      BatchReader batches(guarded.bytes());
      RecordReader records;
      RecordBatch batch;
      Record record;
      REQUIRE(batches.next(batch));
      std::size_t count = 0;
      for (records.open(batch); records.next(record);) count++;
      CHECK(count == first.records.size());
      CHECK_FALSE(records.fault());
      if (!batches.next(batch)) {
        CHECK(batches.fault() == (size == whole.size() ? std::nullopt : std::optional(Fault::cut)));
        continue;
      }
      CHECK(batch.cut == (size < text.size()));
      count = 0;
      for (records.open(batch); records.next(record); count++) check_same(record, last.records[count], last);
      if (size == text.size())
        CHECK(count == last.records.size());
      else
        CHECK(records.fault() == Fault::cut);
    }
  }
}

TEST_CASE("kafka records: changed bytes are read within their bounds") {
  Random random(10);
  for (int round = 0; round < 2000; round++) {
    encode::Batch made = random_batch(random);
    made.codec = codecs[random.below(codecs.size())];
    std::string text = encode::encode(made);
    for (std::size_t i = random.between(1, 4); i > 0; i--)
      text[random.below(text.size())] = static_cast<char>(random.next());
    CHECK(count_records(encode::Guarded(text).bytes()) <= text.size() * 1024);
  }
}

TEST_CASE("kafka records: a count that is a lie") {
  encode::Batch made;
  made.records.resize(3);
  for (const char count : {2, 4}) {
    std::string text = encode::encode(made);
    text[60] = count;
    encode::Guarded guarded(text);
    BatchReader batches(guarded.bytes());
    RecordBatch batch;
    REQUIRE(batches.next(batch));
    RecordReader records;
    Record record;
    int read = 0;
    for (records.open(batch); records.next(record);) read++;
    CHECK(read == (count == 2 ? 2 : 3));
    CHECK(records.fault() == Fault::malformed);
  }
}

TEST_CASE("kafka records: control batches, and formats before 2") {
  encode::Batch made;
  made.control = made.transactional = true;
  made.producer_id = 7;
  made.records = {{.key = std::string("\0\0\0\1", 4), .value = std::string("\0\0\0\0\0\0", 6)},
                  {.key = std::string("\0\0\0\0", 4), .value = ""},
                  {.key = std::string("\0\0\0\5", 4), .value = ""},
                  {.key = "x", .value = ""}};
  const std::string text = encode::encode(made);
  BatchReader batches(bytes_of(text));
  RecordBatch batch;
  REQUIRE(batches.next(batch));
  CHECK(batch.control());
  RecordReader records;
  records.open(batch);
  Record record;
  for (const ControlKind kind : {ControlKind::commit, ControlKind::abort, ControlKind::other, ControlKind::other}) {
    REQUIRE(records.next(record));
    CHECK(control_kind(record) == kind);
  }
  encode::Writer old(false);
  old.i64(5);
  old.i32(20);
  old.i32(0);
  old.i8(1);
  old.raw(std::string(15, 'x'));
  const std::string older = old.take();
  BatchReader old_batches(bytes_of(older));
  REQUIRE(old_batches.next(batch));
  CHECK(batch.magic == 1);
  records.open(batch);
  CHECK_FALSE(records.next(record));
  CHECK(records.fault() == Fault::unsupported);
}

TEST_CASE("kafka records: headers beyond the limit are read and not kept") {
  encode::Batch made;
  made.records.resize(1);
  made.records[0].headers.resize(300, {"k", "v"});
  const std::string text = encode::encode(made);
  BatchReader batches(bytes_of(text));
  RecordBatch batch;
  REQUIRE(batches.next(batch));
  RecordReader records;
  records.open(batch);
  Record record;
  REQUIRE(records.next(record));
  CHECK(record.headers.size() == 256);
  CHECK_FALSE(records.fault());
}

TEST_CASE("kafka compression: what comes out is bounded") {
  const std::string zeros(4u << 20, '\0');
  std::vector<std::byte> out;
  for (const encode::Codec codec : codecs) {
    if (codec == encode::Codec::none) continue;
    CAPTURE(static_cast<int>(codec));
    const auto compression =
        codec == encode::Codec::xerial_snappy ? Compression::snappy : static_cast<Compression>(codec);
    const std::string packed = encode::compress(codec, zeros);
    DecompressLimits limits{.bytes = 8u << 20, .ratio = 1u << 20};
    REQUIRE(decompress(compression, encode::Guarded(packed).bytes(), limits, out));
    CHECK(out.size() == zeros.size());
    limits.bytes = zeros.size();
    CHECK(decompress(compression, bytes_of(packed), limits, out));
    limits.bytes = zeros.size() - 1;
    CHECK(decompress(compression, bytes_of(packed), limits, out).error() == Fault::too_much);
    CHECK(out.size() <= limits.bytes);
    limits = {.ratio = 2, .free_bytes = 1000};
    CHECK(decompress(compression, bytes_of(packed), limits, out).error() == Fault::too_much);
    CHECK(out.size() <= 2 * packed.size() + 1000);
    CHECK(out.capacity() <= 16u << 20);
  }
}

TEST_CASE("kafka compression: cut, empty and foreign input") {
  std::string text;
  Random random(11);
  random.append_letters(text, 3000);
  std::vector<std::byte> out;
  for (const encode::Codec codec : codecs) {
    if (codec == encode::Codec::none) continue;
    const auto compression =
        codec == encode::Codec::xerial_snappy ? Compression::snappy : static_cast<Compression>(codec);
    CAPTURE(static_cast<int>(codec));
    const std::string packed = encode::compress(codec, text);
    for (std::size_t size = 1; size < packed.size(); size++) {
      const auto result = decompress(compression, encode::Guarded(packed.substr(0, size)).bytes(), {}, out);
      if (codec == encode::Codec::xerial_snappy && result) {
        CHECK(text.starts_with(text_of(out)));  // whole blocks: its framing has no end
        continue;
      }
      REQUIRE_FALSE(result);
      CHECK(text.starts_with(text_of(out)));
    }
    CHECK_FALSE(decompress(compression, bytes_of("GET / HTTP/1.1\r\n\r\n"), {}, out));
  }
  CHECK(decompress(static_cast<Compression>(5), bytes_of("x"), {}, out).error() == Fault::unsupported);
  const std::string two = encode::compress(encode::Codec::gzip, "one ") + encode::compress(encode::Codec::gzip, "two");
  REQUIRE(decompress(Compression::gzip, bytes_of(two), {}, out));
  CHECK(text_of(out) == "one two");
  CHECK(to_string(Compression::zstd) == "zstd");
}
