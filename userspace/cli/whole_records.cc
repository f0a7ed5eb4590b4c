// SPDX-License-Identifier: Apache-2.0
#include "cli/whole_records.h"

#include <cstring>

#include "kernel/recording_format.h"

namespace weft::cli {

std::size_t WholeRecords::length(std::string_view text) {
  if (!header_seen_) {
    recording::FileHeader header;
    if (text.size() < sizeof header) return 0;
    std::memcpy(&header, text.data(), sizeof header);
    broken_ =
        std::memcmp(header.magic, recording::magic, sizeof header.magic) != 0 || header.header_bytes < sizeof header;
    return header.header_bytes;
  }
  event_header header;
  if (text.size() < sizeof header) return 0;
  std::memcpy(&header, text.data(), sizeof header);
  broken_ = header.size < sizeof header || header.size > recording::max_record_bytes;
  return header.size;
}

std::string WholeRecords::take(std::string_view data) {
  rest_ += data;
  std::size_t whole = 0;
  while (!broken_) {
    const std::string_view next = std::string_view(rest_).substr(whole);
    const std::size_t bytes = length(next);
    if (broken_ || bytes == 0 || bytes > next.size()) break;
    if (header_seen_) ++count_;
    header_seen_ = true;
    whole += bytes;
  }
  std::string ready = rest_.substr(0, whole);
  rest_.erase(0, whole);
  return ready;
}

}  // namespace weft::cli
