// SPDX-License-Identifier: Apache-2.0
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "support/kafka_messages/encode.h"

namespace weft::test::kafka {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string snap(const std::string& text) {
  std::size_t bytes = snappy_max_compressed_length(text.size());
  std::string out(bytes, '\0');
  snappy_compress(text.data(), text.size(), out.data(), &bytes);
  out.resize(bytes);
  return out;
}

// As snappy-java's SnappyOutputStream, with small blocks.
std::string xerial(const std::string& text) {
  Writer out(false);
  out.raw(std::string("\x82SNAPPY\0\0\0\0\1\0\0\0\1", 16));
  for (std::size_t at = 0; at < text.size(); at += 100) out.bytes(snap(text.substr(at, 100)));
  return out.take();
}

std::string lz4(const std::string& text) {
  std::string out(LZ4F_compressFrameBound(text.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), nullptr));
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

void put_blob(Writer& out, const std::optional<std::string>& blob) {
  out.zigzag(blob ? static_cast<std::int64_t>(blob->size()) : -1);
  if (blob) out.raw(*blob);
}

std::string record_text(const Record& record) {
  Writer out(false);
  out.i8(0);
  out.zigzag(record.timestamp_delta);
  out.zigzag(record.offset_delta);
  put_blob(out, record.key);
  put_blob(out, record.value);
  out.zigzag(static_cast<std::int64_t>(record.headers.size()));
  for (const Header& header : record.headers) {
    put_blob(out, header.key);
    put_blob(out, header.value);
  }
  return out.take();
}

}  // namespace

std::uint32_t crc32c(const std::string& text) {
  std::uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

std::string compress(Codec codec, const std::string& text) {
  switch (codec) {
    case Codec::gzip:
      return gzip(text);
    case Codec::snappy:
      return snap(text);
    case Codec::xerial_snappy:
      return xerial(text);
    case Codec::lz4:
      return lz4(text);
    case Codec::zstd:
      return zstd(text);
    default:
      return text;
  }
}

std::string encode(const Batch& batch) {
  Writer records(false);
  for (const Record& record : batch.records) put_blob(records, record_text(record));
  const int codec = batch.codec == Codec::xerial_snappy ? 2 : static_cast<int>(batch.codec);
  Writer checked(false);
  checked.i16(codec | batch.log_append_time << 3 | batch.transactional << 4 | batch.control << 5);
  checked.i32(batch.records.empty() ? 0 : batch.records.back().offset_delta);
  checked.i64(batch.base_timestamp);
  checked.i64(batch.max_timestamp);
  checked.i64(batch.producer_id);
  checked.i16(batch.producer_id < 0 ? -1 : 0);
  checked.i32(batch.producer_id < 0 ? -1 : 0);
  checked.i32(static_cast<std::int64_t>(batch.records.size()));
  checked.raw(compress(batch.codec, records.take()));
  const std::string text = checked.take();
  Writer out(false);
  out.i64(batch.base_offset);
  out.i32(static_cast<std::int64_t>(text.size() + 9));
  out.i32(0);
  out.i8(2);
  out.i32(crc32c(text));
  out.raw(text);
  return out.take();
}

}  // namespace weft::test::kafka
