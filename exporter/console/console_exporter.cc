// SPDX-License-Identifier: Apache-2.0
#include "exporter/console/console_exporter.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "exporter/console/span_json.h"

namespace weft {

// A pipe that is writable has room for PIPE_BUF bytes, so pieces of that size never block in write().
ConsoleWriter fd_writer(int fd, const std::atomic<bool>& cancelled) {
  return [fd, &cancelled](const std::string& text) {
    constexpr std::size_t piece = 4096;
    std::size_t written = 0;
    while (written < text.size()) {
      if (cancelled) return false;
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      const int count = poll(&ready, 1, 100);
      if (count < 0 && errno != EINTR) return false;
      if (count <= 0) continue;
      const ssize_t n = write(fd, text.data() + written, std::min(piece, text.size() - written));
      if (n < 0 && errno != EINTR && errno != EAGAIN) return false;
      if (n > 0) written += static_cast<std::size_t>(n);
    }
    return true;
  };
}

ConsoleExporter::ConsoleExporter(ConsoleOptions options, const Clock& clock, ConsoleWriter writer)
    : options_(options), clock_(clock), writer_(std::move(writer)) {
  if (!writer_) writer_ = fd_writer(STDOUT_FILENO, cancelled_);
}

ExportResult ConsoleExporter::send(const SpanBatch& batch) {
  ExportResult lost{.outcome = ExportResult::Outcome::refused, .reason = "write"};
  if (options_.format == ConsoleOptions::Format::json) {
    std::string text;
    for (const SpanPtr& span : batch) text += span_json(*span) + "\n";
    return writer_(text) ? ExportResult{} : lost;
  }
  for (const SpanPtr& span : batch) keep(span);
  while (pending_spans_ > options_.max_spans)
    if (!print_front()) return lost;
  return {};
}

void ConsoleExporter::keep(const SpanPtr& span) {
  auto trace = std::find_if(pending_.begin(), pending_.end(),
                            [&](const PendingTrace& pending) { return pending.id == span->trace_id; });
  if (trace == pending_.end()) {
    pending_.push_back({.id = span->trace_id});
    trace = pending_.end() - 1;
  }
  trace->last_span_ns = clock_.monotonic_ns();
  trace->spans.push_back(span);
  pending_spans_++;
}

bool ConsoleExporter::print_front() {
  PendingTrace trace = std::move(pending_.front());
  pending_.erase(pending_.begin());
  pending_spans_ -= trace.spans.size();
  return writer_(render_waterfall(std::move(trace.spans), options_.waterfall) + "\n");
}

std::optional<std::chrono::milliseconds> ConsoleExporter::idle(bool last) {
  if (last) {
    while (!pending_.empty() && print_front()) {
    }
    pending_.clear();
    pending_spans_ = 0;
    return std::nullopt;
  }
  const std::uint64_t now = clock_.monotonic_ns();
  const auto quiet_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(options_.quiet).count());
  std::uint64_t next_ns = UINT64_MAX;
  for (std::size_t i = 0; i < pending_.size();) {
    if (const std::uint64_t due = pending_[i].last_span_ns + quiet_ns; due > now) {
      next_ns = std::min(next_ns, due - now);
      i++;
      continue;
    }
    std::rotate(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(i),
                pending_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    print_front();
  }
  if (next_ns == UINT64_MAX) return std::nullopt;
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(next_ns));
}

}  // namespace weft
