// SPDX-License-Identifier: Apache-2.0
#include "assemble/replay.h"

#include <memory>
#include <unordered_map>
#include <utility>

#include "assemble/event_recorder.h"

namespace weft {
namespace {

class RecordedResources final : public ResourceSource {
 public:
  explicit RecordedResources(const RecordingReader& reader) : reader_(reader) {}

  std::shared_ptr<const Resource> of(pid_t tgid) override {
    const RecordedResource* recorded = reader_.resource(static_cast<std::uint32_t>(tgid));
    if (!recorded) return nullptr;
    Made& made = made_[tgid];
    if (made.revision != recorded->revision) made = {recorded->revision, from_recorded(*recorded)};
    return made.resource;
  }
  bool instrumented(pid_t tgid) override {
    const RecordedResource* recorded = reader_.resource(static_cast<std::uint32_t>(tgid));
    return recorded && recorded->instrumented;
  }

 private:
  struct Made {
    std::uint64_t revision = 0;
    std::shared_ptr<const Resource> resource;
  };
  const RecordingReader& reader_;
  std::unordered_map<pid_t, Made> made_;
};

}  // namespace

Result<ReplayResult> replay(RecordingReader& reader, PipelineOptions options, SpanPipeline::Output output) {
  RecordedResources resources(reader);
  SpanPipeline pipeline(std::move(options), reader.clock(), resources, std::move(output));
  ReplayResult result;
  while (!reader.finished()) {
    result.events += reader.drain([&](EventBytes record) { pipeline.feed(record); });
    pipeline.sweep();
  }
  pipeline.flush();
  if (const auto& error = reader.error()) return std::unexpected(*error);
  result.counters = pipeline.counters();
  return result;
}

Result<ReplayResult> replay_file(const std::string& path, PipelineOptions options, SpanPipeline::Output output) {
  auto reader = RecordingReader::open(path);
  if (!reader) return std::unexpected(reader.error());
  return replay(**reader, std::move(options), std::move(output));
}

}  // namespace weft
