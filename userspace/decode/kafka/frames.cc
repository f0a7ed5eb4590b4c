// SPDX-License-Identifier: Apache-2.0
#include "decode/kafka/frames.h"

namespace weft::kafka {
namespace {

constexpr std::size_t kept_bytes = 4096;  // of memory, between frames

}  // namespace

void FrameBuffer::release() {
  if (bytes_.capacity() > kept_bytes) bytes_ = {};
}

bool FrameBuffer::take(const kafka_event& event, Bytes text, std::size_t most_bytes) {
  if (!open_ || event.sequence != sequence_) {
    if (open_) missed_++;
    open_ = true;
    lost_ = false;
    sequence_ = event.sequence;
    frame_bytes_ = event.frame_bytes;
    first_ns_ = event.header.time_ns;
    bytes_.clear();
  }
  if (event.offset != bytes_.size() || text.size() > most_bytes - bytes_.size() ||
      text.size() > frame_bytes_ - bytes_.size()) {
    if (!lost_) missed_++;
    lost_ = true;
  }
  if (!lost_) bytes_.insert(bytes_.end(), text.begin(), text.end());
  if (!(event.facts & KAFKA_LAST)) return false;
  open_ = false;
  return !bytes_.empty();
}

}  // namespace weft::kafka
