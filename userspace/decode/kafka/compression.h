// SPDX-License-Identifier: Apache-2.0
// What a record batch is compressed with. Made for bytes from anybody: what comes out is bounded in size and in
// relation to what went in, and so is the memory that a decompressor takes for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "decode/kafka/reader.h"

namespace weft::kafka {

enum class Compression : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
std::string_view to_string(Compression compression);  // as Kafka's configuration has it; "unknown" beyond zstd

struct DecompressLimits {
  std::size_t bytes = 8u << 20;
  std::size_t ratio = 1024;             // to what went in …
  std::size_t free_bytes = 65536;       // … from so many on
  std::size_t window_bytes = 8u << 20;  // that a zstd frame may ask for
};

// Replaces `out`. With the faults `cut` and `too_much` it holds the beginning as far as it is sure: of gzip, lz4 and
// zstd what was decompressed, of snappy whole blocks of its Java framing.
std::expected<void, Fault> decompress(Compression compression, Bytes in, const DecompressLimits& limits,
                                      std::vector<std::byte>& out);

}  // namespace weft::kafka
