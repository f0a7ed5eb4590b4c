// SPDX-License-Identifier: Apache-2.0
#include "assemble/pipeline_core.h"

#include <utility>

namespace weft {

SpanPipeline::SpanPipeline(PipelineOptions options, const Clock& clock, ResourceSource& resources, Output output)
    : mask_(std::move(options.mask)),
      clock_(clock),
      wall_clock_(clock),
      output_(std::move(output)),
      assembler_(mask_, std::move(options.routes), resources, wall_clock_),
      table_(options.limits, [this](const Exchange& exchange) { output_(assembler_.assemble(exchange)); }) {
  assembler_.set_parent_based(options.parent_based);
}

void SpanPipeline::take(const Event& event) {
  if (const auto* request = std::get_if<RequestEvent>(&event)) {
    decode_.requests++;
    table_.request(*request, mask_);
  } else if (const auto* response = std::get_if<ResponseEvent>(&event)) {
    decode_.responses++;
    table_.response(*response, mask_);
  } else if (const auto* process = std::get_if<ProcessEvent>(&event)) {
    decode_.processes++;
    if (process->fields.change == PROCESS_EXIT)
      table_.process_exit(process->fields.tgid, process->fields.header.time_ns);
    if (on_process) on_process(*process);
  } else if (const auto* socket = std::get_if<SocketEvent>(&event)) {
    decode_.sockets++;
    if (on_socket) on_socket(*socket);
  }
}

void SpanPipeline::feed(std::span<const std::byte> record) {
  if (const auto event = decode_event(record))
    take(*event);
  else
    decode_.refused[static_cast<std::size_t>(event.error())]++;
}

void SpanPipeline::sweep() {
  wall_clock_.recheck();
  table_.sweep(clock_.monotonic_ns());
}

void SpanPipeline::flush() { table_.flush(clock_.monotonic_ns()); }

PipelineCounters SpanPipeline::counters() const {
  return {decode_,       table_.counters(),   assembler_.counters(),
          table_.open(), wall_clock_.jumps(), assembler_.route_overflows()};
}

}  // namespace weft
