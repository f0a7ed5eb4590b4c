// SPDX-License-Identifier: Apache-2.0
// One direction of a Kafka connection: pieces of frames, in order, become frames. Pieces that were lost cost the rest
// of their frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decode/kafka/reader.h"
#include "wire/events.h"

namespace weft::kafka {

class FrameBuffer {
 public:
  // True: the frame is there, as far as it will come; valid until the next call. REQUIRES: `text` is the event's.
  bool take(const kafka_event& event, Bytes text, std::size_t most_bytes);

  Bytes frame() const { return bytes_; }
  bool cut() const { return bytes_.size() < frame_bytes_; }
  std::uint64_t first_ns() const { return first_ns_; }
  std::uint64_t missed() const { return missed_; }  // frames whose pieces did not all come
  std::size_t memory() const { return bytes_.capacity(); }
  void release();  // a large frame's memory

 private:
  std::vector<std::byte> bytes_;
  std::uint32_t sequence_ = 0;
  std::uint32_t frame_bytes_ = 0;
  std::uint64_t first_ns_ = 0;
  std::uint64_t missed_ = 0;
  bool open_ = false, lost_ = false;
};

}  // namespace weft::kafka
