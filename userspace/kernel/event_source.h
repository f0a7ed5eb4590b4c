// SPDX-License-Identifier: Apache-2.0
// Where raw events come from: the ring buffer of a live kernel, or a recording.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace weft {

// One record of bpf/wire/events.h, header included. Valid only during the call.
using EventBytes = std::span<const std::byte>;
using EventHandler = std::function<void(EventBytes)>;

class EventSource {
 public:
  virtual ~EventSource() = default;
  static constexpr double kMostAtOnce =
      0.25;  // of the ring: where more and more comes, other things are to be done, too

  // Hands over what is there now, in order, and returns how many records that was. Never waits.
  virtual std::size_t drain(const EventHandler& handler) = 0;
  // The share of the ring that the last drain emptied. kMostAtOnce or more: there may be more.
  virtual double filled() const { return 0; }
  virtual int wake_fd() const { return -1; }       // readable when a record came that is not to wait; -1: there is none
  virtual bool finished() const { return false; }  // a recording that has been read to its end
};

}  // namespace weft
