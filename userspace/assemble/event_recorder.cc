// SPDX-License-Identifier: Apache-2.0
#include "assemble/event_recorder.h"

#include <utility>

#include "decode/events.h"

namespace weft {
namespace {

constexpr std::uint64_t clock_check_ns = 1'000'000'000;
constexpr std::uint64_t clock_tolerance_ns = 200'000;
constexpr std::size_t max_known = 65536;

}  // namespace

RecordedResource to_recorded(std::uint32_t tgid, const Resource& resource, bool instrumented) {
  RecordedResource recorded{tgid, instrumented, 0, resource.service_name, {}};
  for (const auto& [key, value] : resource.attributes) recorded.attributes.emplace_back(key.text(), value);
  return recorded;
}

std::shared_ptr<const Resource> from_recorded(const RecordedResource& recorded) {
  auto resource = std::make_shared<Resource>();
  resource->service_name = recorded.service_name;
  for (const auto& [key, value] : recorded.attributes) resource->attributes.set(key, value);
  return resource;
}

EventRecorder::EventRecorder(MaskRules rules, const Clock& clock, ResourceSource& resources, Sink sink)
    : rules_(std::move(rules)), clock_(clock), resources_(resources), sink_(std::move(sink)), written_(now()) {
  clock_checked_ns_ = written_.monotonic_ns;
  sink_(encode_recording_header(written_));
}

ClockPoint EventRecorder::now() const { return {clock_.monotonic_ns(), clock_.unix_ns()}; }

void EventRecorder::note_clock(std::uint64_t time_ns) {
  if (time_ns < clock_checked_ns_ + clock_check_ns) return;
  const ClockPoint point = now();
  clock_checked_ns_ = point.monotonic_ns;
  const std::uint64_t change = (point.unix_ns - point.monotonic_ns) - (written_.unix_ns - written_.monotonic_ns);
  if (change + clock_tolerance_ns <= 2 * clock_tolerance_ns) return;  // |change| is within the tolerance
  written_ = point;
  sink_(encode_clock_record(point));
}

void EventRecorder::note_resource(std::uint32_t tgid, std::uint64_t time_ns) {
  const std::shared_ptr<const Resource> resource = resources_.of(static_cast<pid_t>(tgid));
  if (!resource) return;
  if (known_.size() >= max_known) known_.clear();
  std::shared_ptr<const Resource>& known = known_[tgid];
  if (known == resource) return;
  known = resource;
  sink_(
      encode_resource_record(to_recorded(tgid, *resource, resources_.instrumented(static_cast<pid_t>(tgid))), time_ns));
}

void EventRecorder::event(std::span<const std::byte> record) {
  record_.assign(record.begin(), record.end());
  if (!mask_event(record_, rules_)) {
    refused_++;
    return;
  }
  const auto event = decode_event(record_);
  std::visit(
      [&](const auto& typed) {
        const std::uint64_t time_ns = typed.fields.header.time_ns;
        note_clock(time_ns);
        const auto type = typed.fields.header.type;
        if (type == EVENT_REQUEST || type == EVENT_UNSAMPLED || type == kEventMessage)
          note_resource(typed.fields.tgid, time_ns);
      },
      *event);
  sink_(record_);
  if (const auto* process = std::get_if<ProcessEvent>(&*event); process && process->fields.change == PROCESS_EXIT)
    known_.erase(process->fields.tgid);
}

}  // namespace weft
