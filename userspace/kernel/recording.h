// SPDX-License-Identifier: Apache-2.0
// A stream of kernel events in a file (docs/recording.md). Needs no kernel and no privileges.
//
// This module writes and reads records; it does not mask. What goes in was masked before (decode/mask.h), see
// assemble/event_recorder.h, which also adds the resource and clock records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kernel/event_source.h"

namespace weft {

struct ClockPoint {
  std::uint64_t monotonic_ns = 0;
  std::uint64_t unix_ns = 0;
};

// Who a process was when its events were recorded. Same value types as a span attribute.
struct RecordedResource {
  std::uint32_t tgid = 0;
  bool instrumented = false;
  std::uint64_t revision = 0;  // given by the reader: another number is another record
  std::string service_name;
  std::vector<std::pair<std::string, std::variant<std::string, std::int64_t, double, bool>>> attributes;
};

// The pieces of a recording as bytes, for whoever streams one instead of writing a file.
std::vector<std::byte> encode_recording_header(const ClockPoint& clock);
std::vector<std::byte> encode_resource_record(const RecordedResource& resource, std::uint64_t time_ns);
std::vector<std::byte> encode_clock_record(const ClockPoint& clock);

class RecordingWriter {
 public:
  // Creates the file with mode 0600 and writes nothing yet. An existing file is refused unless `overwrite`; then it is
  // replaced by a new one, so that its old mode and readers do not matter.
  static Result<RecordingWriter> create(const std::string& path, bool overwrite = false);
  RecordingWriter(RecordingWriter&& other) noexcept;
  RecordingWriter& operator=(RecordingWriter&& other) noexcept;
  ~RecordingWriter();

  // Pieces in order: the header first. Buffered.
  Result<void> write(EventBytes piece);
  Result<void> close();  // flushes; the destructor does it too, and then errors are lost

 private:
  RecordingWriter(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  Result<void> flush();
  bool write_out();  // what is in the buffer, which is empty then; false: errno says why not

  int fd_ = -1;
  std::string path_;
  std::vector<std::byte> buffer_;
};

// Time as it was for the events that have been read so far: deterministic, and it stands still between reads.
class ReplayClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override { return now_ns_; }
  std::uint64_t unix_ns() const override { return now_ns_ - origin_.monotonic_ns + origin_.unix_ns; }

 private:
  friend class RecordingReader;
  ClockPoint origin_;
  std::uint64_t now_ns_ = 0;
};

class RecordingReader final : public EventSource {
 public:
  // Errors name the file and say what is wrong with it.
  static Result<std::unique_ptr<RecordingReader>> open(const std::string& path);
  ~RecordingReader() override;

  // Hands over at most a few hundred records a call, so that the caller can sweep in between. Resource and clock
  // records are taken in and not handed over.
  std::size_t drain(const EventHandler& handler) override;
  bool finished() const override { return finished_; }

  // Set when reading ended because the file is damaged or cut short; all records before were handed over.
  const std::optional<Error>& error() const { return error_; }
  const Clock& clock() const { return clock_; }
  // As of the last record read; nullptr = not in the recording.
  const RecordedResource* resource(std::uint32_t tgid) const;

 private:
  RecordingReader(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  Result<void> read_header();
  bool fill(std::size_t bytes);  // false: the file ends before that many bytes are in the buffer
  void stop(const std::string& what);
  bool take_record(const EventHandler& handler, std::size_t& handed_over);
  bool take_own_record(EventBytes record, unsigned type);

  int fd_ = -1;
  std::string path_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;     // unread part of buffer_ starts here
  std::uint64_t offset_ = 0;  // of begin_ in the file
  std::uint64_t records_ = 0;
  bool finished_ = false;
  std::optional<Error> error_;
  ReplayClock clock_;
  std::map<std::uint32_t, RecordedResource> resources_;
};

}  // namespace weft
