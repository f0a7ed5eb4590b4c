// SPDX-License-Identifier: Apache-2.0
// A recording through the pipeline: the same spans as the live agent made, without privileges and without waiting.
#pragma once

#include <cstdint>
#include <string>

#include "assemble/pipeline_core.h"
#include "base/result.h"
#include "kernel/recording.h"

namespace weft {

struct ReplayResult {
  std::uint64_t events = 0;
  PipelineCounters counters;
};

// Calls `output` with every span, in the order in which exchanges ended. A damaged or cut file is an error after all
// that could be read was handed over.
Result<ReplayResult> replay(RecordingReader& reader, PipelineOptions options, SpanPipeline::Output output);
Result<ReplayResult> replay_file(const std::string& path, PipelineOptions options, SpanPipeline::Output output);

}  // namespace weft
