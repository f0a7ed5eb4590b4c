// SPDX-License-Identifier: Apache-2.0
// Record batches of format 2 (https://kafka.apache.org/documentation/#recordbatch), as they stand in Produce requests
// and Fetch responses.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "decode/kafka/compression.h"
#include "decode/kafka/reader.h"

namespace weft::kafka {

struct RecordBatch {
  std::int64_t base_offset = 0;
  std::int8_t magic = 0;  // 2; of the older formats nothing but this and the offset is read
  std::uint32_t crc = 0;  // CRC-32C of `checked`
  std::int16_t attributes = 0;
  std::int32_t last_offset_delta = 0;
  std::int64_t base_timestamp_ms = 0;
  std::int64_t max_timestamp_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
  std::int32_t record_count = 0;
  Bytes checked;
  Bytes records;     // as compression() says
  bool cut = false;  // its end is missing

  // 5 to 7 are nobody's.
  Compression compression() const { return static_cast<Compression>(attributes & 7); }
  bool log_append_time() const { return attributes & 8; }  // max_timestamp_ms stands for each record's own
  bool transactional() const { return attributes & 16; }
  bool control() const { return attributes & 32; }  // the broker's marks, no messages
};

// One after the other. A Fetch may end in the middle of a batch: that one comes with `cut`, if its header is whole.
class BatchReader {
 public:
  explicit BatchReader(Bytes records) : bytes_(records) {}
  // False: no more, or not what it should be; see fault().
  bool next(RecordBatch& batch);
  std::optional<Fault> fault() const { return fault_; }  // `cut`: less than a header is left over

 private:
  Bytes bytes_;
  std::optional<Fault> fault_;
};

struct RecordHeader {
  std::string_view key;
  std::optional<std::string_view> value;
};
struct Record {
  std::int64_t offset = 0;
  std::int64_t timestamp_ms = 0;
  std::optional<Bytes> key;
  std::optional<Bytes> value;  // nullopt: a tombstone
  std::vector<RecordHeader> headers;
};

// What a control batch says of the transaction before it.
enum class ControlKind : std::uint8_t { abort = 0, commit = 1, other = 2 };
ControlKind control_kind(const Record& record);

struct RecordLimits {
  DecompressLimits decompress;
  std::size_t headers = 256;  // of one record; more than that are not kept
};

// The records of one batch. Reused from batch to batch for its memory.
class RecordReader {
 public:
  explicit RecordReader(RecordLimits limits = {}) : limits_(limits) {}

  // Texts and bytes of records point into `batch.records`, or into this object when the batch is compressed.
  void open(const RecordBatch& batch);
  // False: no more, or not what it should be; see fault(). What came before a fault is sound.
  bool next(Record& record);
  std::optional<Fault> fault() const { return fault_; }

 private:
  void fail(Fault fault);
  bool read(Bytes bytes, Record& record);

  RecordLimits limits_;
  RecordBatch batch_;
  std::vector<std::byte> plain_;
  Reader reader_{Bytes{}};
  std::int32_t left_ = 0;
  std::optional<Fault> fault_;
};

}  // namespace weft::kafka
