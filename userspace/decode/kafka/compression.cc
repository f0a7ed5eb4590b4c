// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/compression.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <memory>

namespace weft::kafka {
namespace {

using Result = std::expected<void, Fault>;

// Where a decompressor writes: the vector grows by steps, and never beyond what may come out.
class Sink {
 public:
  Sink(std::vector<std::byte>& out, std::size_t most) : out_(out), most_(most) { out_.clear(); }

  std::size_t left() const { return most_ - used_; }
  // Room for at least one more byte; empty: the limit is reached.
  std::span<std::byte> room() {
    if (used_ == out_.size()) out_.resize(std::min(most_, std::max<std::size_t>(2 * used_, 16384)));
    return std::span(out_).subspan(used_);
  }
  // Exactly so many; empty: too many.
  std::span<std::byte> room(std::size_t bytes) {
    if (bytes > left()) return {};
    if (out_.size() - used_ < bytes) out_.resize(used_ + bytes);
    return std::span(out_).subspan(used_, bytes);
  }
  void filled(std::size_t bytes) { used_ += bytes; }
  void close() { out_.resize(used_); }

 private:
  std::vector<std::byte>& out_;
  std::size_t most_, used_ = 0;
};

Result gunzip(Bytes in, Sink& sink) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return std::unexpected(Fault::too_much);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  for (;;) {
    const auto room = sink.room();
    Bytef nothing[1];  // a stream may end exactly at the limit
    stream.next_out = room.empty() ? nothing : reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    sink.filled(room.size() - stream.avail_out);
    if (code == Z_STREAM_END) {
      if (stream.avail_in == 0) return {};
      if (inflateReset(&stream) != Z_OK) return std::unexpected(Fault::malformed);  // one more member
      continue;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) return std::unexpected(Fault::malformed);
    if (stream.avail_out > 0 && stream.avail_in == 0) return std::unexpected(Fault::cut);
    if (room.empty()) return std::unexpected(stream.avail_in == 0 ? Fault::cut : Fault::too_much);
    if (code == Z_BUF_ERROR) return std::unexpected(Fault::malformed);
  }
}

Result unsnap(Bytes block, Sink& sink) {
  std::size_t bytes = 0;
  const auto* in = reinterpret_cast<const char*>(block.data());
  if (snappy_uncompressed_length(in, block.size(), &bytes) != SNAPPY_OK) return std::unexpected(Fault::malformed);
  if (bytes > sink.left()) return std::unexpected(Fault::too_much);
  // A block says how much it gives; three bytes of it give at most 64.
  if (bytes / 64 > block.size()) return std::unexpected(Fault::malformed);
  if (bytes == 0) return {};
  const auto room = sink.room(bytes);
  if (snappy_uncompress(in, block.size(), reinterpret_cast<char*>(room.data()), &bytes) != SNAPPY_OK)
    return std::unexpected(Fault::malformed);
  sink.filled(bytes);
  return {};
}

// Java's SnappyOutputStream, which the Java client and those that follow it use: "\x82SNAPPY\0", two versions, then
// blocks with their lengths in front. librdkafka and sarama send one bare block too.
constexpr std::array<unsigned char, 8> xerial_magic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

Result unsnappy(Bytes in, Sink& sink) {
  if (in.size() < 16 || std::memcmp(in.data(), xerial_magic.data(), xerial_magic.size()) != 0) return unsnap(in, sink);
  Reader reader(in);
  reader.skip(16);
  while (reader.left() > 0) {
    const std::uint32_t bytes = reader.u32();
    const Bytes block = reader.bytes(bytes);
    if (!reader.ok()) return reader.end();
    if (const Result done = unsnap(block, sink); !done) return done;
  }
  return {};
}

Result unlz4(Bytes in, Sink& sink) {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return std::unexpected(Fault::too_much);
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> owner(context, LZ4F_freeDecompressionContext);
  std::size_t hint = 1;
  for (;;) {
    const auto room = sink.room();
    std::size_t written = room.size(), taken = in.size();
    hint = LZ4F_decompress(context, room.data(), &written, in.data(), &taken, nullptr);
    if (LZ4F_isError(hint)) return std::unexpected(Fault::malformed);
    sink.filled(written);
    in = in.subspan(taken);
    if (in.empty() && hint == 0) return {};
    if (written > 0 || taken > 0) continue;
    return std::unexpected(in.empty() ? Fault::cut : Fault::too_much);
  }
}

Result unzstd(Bytes bytes, Sink& sink, std::size_t window_bytes) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) return std::unexpected(Fault::too_much);
  const int window_log = std::bit_width(std::max<std::size_t>(window_bytes, 1024)) - 1;
  if (ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log)))
    return std::unexpected(Fault::too_much);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    const auto room = sink.room();
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const std::size_t before = in.pos;
    const std::size_t hint = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(hint)) {
      const bool window = ZSTD_getErrorCode(hint) == ZSTD_error_frameParameter_windowTooLarge;
      const bool full = ZSTD_getErrorCode(hint) == ZSTD_error_dstSize_tooSmall;
      return std::unexpected(window || full ? Fault::too_much : Fault::malformed);
    }
    sink.filled(out.pos);
    if (in.pos == in.size && hint == 0) return {};
    if (out.pos > 0 || in.pos > before) continue;
    return std::unexpected(in.pos == in.size && !room.empty() ? Fault::cut : Fault::too_much);
  }
}

}  // namespace

std::string_view to_string(Compression compression) {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::gzip:
      return "gzip";
    case Compression::snappy:
      return "snappy";
    case Compression::lz4:
      return "lz4";
    case Compression::zstd:
      return "zstd";
  }
  return "unknown";
}

Result decompress(Compression compression, Bytes in, const DecompressLimits& limits, std::vector<std::byte>& out) {
  out.clear();
  if (in.size() > std::numeric_limits<std::uint32_t>::max() / 2) return std::unexpected(Fault::too_much);
  Sink sink(out, std::min(limits.bytes, std::max(limits.free_bytes, in.size() * limits.ratio)));
  const auto run = [&]() -> Result {
    switch (compression) {
      case Compression::none:
        break;
      case Compression::gzip:
        return gunzip(in, sink);
      case Compression::snappy:
        return unsnappy(in, sink);
      case Compression::lz4:
        return unlz4(in, sink);
      case Compression::zstd:
        return unzstd(in, sink, limits.window_bytes);
    }
    return std::unexpected(Fault::unsupported);
  };
  const Result done = run();
  sink.close();
  return done;
}

}  // namespace weft::kafka
