// SPDX-License-Identifier: Apache-2.0
// Live events -> the pieces of a recording (docs/recording.md): masked, with who made them and what time it was.
// Whoever takes the pieces appends them to a file or sends them on; the first one is the file's header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "assemble/resource_source.h"
#include "base/clock.h"
#include "decode/mask.h"
#include "kernel/recording.h"

namespace weft {

RecordedResource to_recorded(std::uint32_t tgid, const Resource& resource, bool instrumented);
std::shared_ptr<const Resource> from_recorded(const RecordedResource& recorded);

// One for each recording, because each needs its own header and resources. Belongs to the thread that feeds it.
class EventRecorder {
 public:
  using Sink = std::function<void(std::span<const std::byte>)>;

  // Hands the header to `sink` at once. The references must outlive the object.
  EventRecorder(MaskRules rules, const Clock& clock, ResourceSource& resources, Sink sink);

  void event(std::span<const std::byte> record);
  std::uint64_t refused() const { return refused_; }  // not valid, therefore not recorded

 private:
  ClockPoint now() const;
  void note_clock(std::uint64_t time_ns);
  void note_resource(std::uint32_t tgid, std::uint64_t time_ns);

  MaskRules rules_;
  const Clock& clock_;
  ResourceSource& resources_;
  Sink sink_;
  ClockPoint written_;  // the clock as the recording has it
  std::uint64_t clock_checked_ns_ = 0;
  std::unordered_map<std::uint32_t, std::shared_ptr<const Resource>> known_;  // until the process exits
  std::vector<std::byte> record_;                                             // reused
  std::uint64_t refused_ = 0;
};

}  // namespace weft
