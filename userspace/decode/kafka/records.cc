// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/records.h"

#include <utility>

namespace weft::kafka {
namespace {

constexpr std::size_t length_end = 12;    // base offset and length
constexpr std::size_t magic_end = 17;     // … leader epoch, magic
constexpr std::size_t checked_from = 21;  // … crc
constexpr std::size_t header_bytes = 61;

std::optional<Bytes> read_blob(Reader& reader) {
  const std::int32_t length = reader.varint();
  if (length < -1) reader.fail(Fault::malformed);
  if (length < 0 || !reader.ok()) return std::nullopt;
  return reader.bytes(static_cast<std::size_t>(length));
}

}  // namespace

bool BatchReader::next(RecordBatch& batch) {
  batch = {};
  if (fault_ || bytes_.empty()) return false;
  const auto stop = [&](Fault fault) {
    fault_ = fault;
    return false;
  };
  Reader reader(bytes_);
  batch.base_offset = reader.i64();
  const std::int32_t length = reader.i32();
  reader.skip(4);  // leader epoch; in the older formats the checksum
  batch.magic = reader.i8();
  if (!reader.ok()) return stop(Fault::cut);
  if (length < static_cast<std::int32_t>(magic_end - length_end)) return stop(Fault::malformed);
  const std::size_t total = length_end + static_cast<std::size_t>(length);
  batch.cut = total > bytes_.size();
  const Bytes whole = batch.cut ? bytes_ : bytes_.first(total);
  if (batch.magic < 0 || batch.magic > 2) return stop(Fault::unsupported);
  if (batch.magic == 2) {
    if (total < header_bytes) return stop(Fault::malformed);
    if (whole.size() < header_bytes) return stop(Fault::cut);
    batch.crc = reader.u32();
    batch.checked = whole.subspan(checked_from);
    batch.attributes = reader.i16();
    batch.last_offset_delta = reader.i32();
    batch.base_timestamp_ms = reader.i64();
    batch.max_timestamp_ms = reader.i64();
    batch.producer_id = reader.i64();
    batch.producer_epoch = reader.i16();
    batch.base_sequence = reader.i32();
    batch.record_count = reader.i32();
    batch.records = whole.subspan(header_bytes);
    if (batch.record_count < 0) return stop(Fault::malformed);
  }
  bytes_ = bytes_.subspan(whole.size());
  return true;
}

ControlKind control_kind(const Record& record) {
  if (!record.key) return ControlKind::other;
  Reader key(*record.key);
  const std::int16_t version = key.i16(), type = key.i16();
  if (!key.ok() || version < 0 || type < 0 || type > 1) return ControlKind::other;
  return static_cast<ControlKind>(type);
}

void RecordReader::fail(Fault fault) {
  if (!fault_) fault_ = fault;
}

void RecordReader::open(const RecordBatch& batch) {
  batch_ = batch;
  fault_.reset();
  if (batch.cut) fail(Fault::cut);  // whatever else is found: it may come of that
  if (batch.magic != 2) fail(Fault::unsupported);
  left_ = batch.magic == 2 ? batch.record_count : 0;
  Bytes records = batch.records;
  if (left_ > 0 && batch.compression() != Compression::none) {
    const auto done = decompress(batch.compression(), records, limits_.decompress, plain_);
    if (!done) fail(done.error());
    records = plain_;
    if (!done && done.error() != Fault::cut && done.error() != Fault::too_much) left_ = 0;
  }
  reader_ = Reader(records);
}

bool RecordReader::next(Record& record) {
  if (left_ == 0) {
    if (reader_.left() > 0) fail(Fault::malformed);
    return false;
  }
  const std::int32_t length = reader_.varint();
  if (length < 0) reader_.fail(Fault::malformed);
  const Bytes bytes = reader_.bytes(static_cast<std::size_t>(length));
  if (!reader_.ok() || !read(bytes, record)) {
    fail(Fault::malformed);
    left_ = 0;
    return false;
  }
  left_--;
  return true;
}

// One whole record: it must end with its last header.
bool RecordReader::read(Bytes bytes, Record& record) {
  Reader reader(bytes);
  reader.skip(1);  // attributes: none are defined
  const std::int64_t timestamp_delta = reader.varlong();
  record.timestamp_ms = batch_.log_append_time()
                            ? batch_.max_timestamp_ms
                            : static_cast<std::int64_t>(static_cast<std::uint64_t>(batch_.base_timestamp_ms) +
                                                        static_cast<std::uint64_t>(timestamp_delta));
  record.offset = static_cast<std::int64_t>(static_cast<std::uint64_t>(batch_.base_offset) +
                                            static_cast<std::uint64_t>(std::int64_t{reader.varint()}));
  record.key = read_blob(reader);
  record.value = read_blob(reader);
  record.headers.clear();
  const std::int32_t headers = reader.varint();
  if (headers < 0) reader.fail(Fault::malformed);
  for (std::int32_t i = 0; i < headers && reader.ok(); i++) {
    const auto key = read_blob(reader);
    if (!key) return false;  // each header has one
    const auto value = read_blob(reader);
    if (!reader.ok() || record.headers.size() == limits_.headers) continue;
    record.headers.push_back({text_of(*key), value ? std::optional(text_of(*value)) : std::nullopt});
  }
  return reader.end().has_value();
}

}  // namespace weft::kafka
