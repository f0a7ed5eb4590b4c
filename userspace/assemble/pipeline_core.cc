// SPDX-License-Identifier: Apache-2.0
#include "assemble/pipeline_core.h"

#include <cstring>
#include <utility>
#include <vector>

namespace weft {

SpanPipeline::SpanPipeline(PipelineOptions options, const Clock& clock, ResourceSource& resources, Output output)
    : mask_(std::move(options.mask)),
      clock_(clock),
      wall_clock_(clock),
      output_(std::move(output)),
      assembler_(mask_, std::move(options.routes), resources, wall_clock_),
      table_(options.limits, [this](const Exchange& exchange) { put(exchange); }),
      unsampled_(assembler_) {}

void SpanPipeline::put(const Exchange& exchange) {
  Assembled whole = assembler_.assemble(exchange);
  std::vector<Assembled> messages = assembler_.assemble_messages(exchange, whole);
  if (on_unsampled_begin && whole.unsampled)  // before its own end, so that the trace is not over yet
    for (const Assembled& message : messages) on_unsampled_begin(message.span->trace_id);
  output_(std::move(whole));
  for (Assembled& message : messages) output_(std::move(message));
}

void SpanPipeline::take(const Event& event) {
  if (const auto* request = std::get_if<RequestEvent>(&event)) {
    decode_.requests++;
    const request_event& fields = request->fields;
    if (on_unsampled_begin && !(fields.facts & REQUEST_SAMPLED) && fields.attribution != ATTRIBUTION_NONE) {
      TraceId trace;
      std::memcpy(trace.bytes.data(), fields.ids.trace_id, sizeof fields.ids.trace_id);
      on_unsampled_begin(trace);
    }
    calls_.request(fields);
    table_.request(*request, mask_);
  } else if (const auto* response = std::get_if<ResponseEvent>(&event)) {
    decode_.responses++;
    table_.response(*response, mask_);
  } else if (const auto* process = std::get_if<ProcessEvent>(&event)) {
    decode_.processes++;
    if (process->fields.change == PROCESS_EXIT || process->fields.change == PROCESS_EXEC)
      calls_.forget(static_cast<pid_t>(process->fields.tgid));
    if (process->fields.change == PROCESS_EXIT)
      table_.process_exit(process->fields.tgid, process->fields.header.time_ns);
    if (on_process) on_process(*process);
  } else if (const auto* socket = std::get_if<SocketEvent>(&event)) {
    decode_.sockets++;
    if (on_socket) on_socket(*socket);
  } else if (const auto* unsampled = std::get_if<UnsampledEvent>(&event)) {
    take_unsampled(*unsampled);
  } else if (const auto* message = std::get_if<MessageEvent>(&event)) {
    take_message(*message);
  }
}

void SpanPipeline::take_message(const MessageEvent& event) {
  decode_.messages++;
  calls_.message(event.fields);
  std::string context;
  mask_context_lines(event.context, mask_, context);
  MessageEvent masked = event;
  masked.context = context;
  Assembled assembled = assembler_.assemble(masked);
  const bool begun = event.fields.facts & kMessageBegun;
  if (on_unsampled_begin && assembled.unsampled && !begun) on_unsampled_begin(assembled.span->trace_id);
  output_(std::move(assembled));
}

void SpanPipeline::take_unsampled(const UnsampledEvent& event) {
  decode_.unsampled++;
  calls_.unsampled(event.fields);
  assembler_.count_unsampled();
  const unsampled_event& fields = event.fields;
  const std::uint64_t duration_ns =
      fields.header.time_ns > fields.start_ns ? fields.header.time_ns - fields.start_ns : 0;
  if (on_unsampled) on_unsampled(unsampled_.like(event), duration_ns);
}

void SpanPipeline::feed(std::span<const std::byte> record) {
  if (const auto event = decode_event(record))
    take(*event);
  else
    decode_.refused[static_cast<std::size_t>(event.error())]++;
}

void SpanPipeline::sweep() {
  wall_clock_.recheck();
  unsampled_.clear();  // routes and resources may be others by now
  table_.sweep(clock_.monotonic_ns());
}

void SpanPipeline::flush() { table_.flush(clock_.monotonic_ns()); }

std::vector<OpenExchange> SpanPipeline::open(const Assembler::Wanted& wanted, std::size_t most) {
  std::vector<OpenExchange> found;
  table_.each_open([&](const Exchange& exchange) {
    if (found.size() >= most) return false;
    const request_event& request = exchange.request;
    if (SpanPtr span = assembler_.assemble_open(exchange, wanted))
      found.push_back({std::move(span), static_cast<pid_t>(request.tgid), request.header.time_ns, request.connection_id,
                       request.stream});
    return true;
  });
  return found;
}

PipelineCounters SpanPipeline::counters() const {
  return {decode_,        table_.counters(),   assembler_.counters(),
          table_.open(),  wall_clock_.jumps(), assembler_.route_overflows(),
          calls_.counts()};
}

}  // namespace weft
