// SPDX-License-Identifier: Apache-2.0
#include "cli/span_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.h"
#include "exporter/console/cells.h"
#include "exporter/console/span_json.h"
#include "exporter/console/waterfall.h"

namespace weft::cli {
namespace {
// Widths are fixed: rows are printed before the next ones are known.
constexpr unsigned kTime = 12, kService = 18, kKind = 8, kDuration = 9, kStatus = 6, kTrace = 32, kName = 40;
constexpr unsigned kNamePlace = kTime + kService + kKind + kDuration + kStatus + kTrace + 12;

std::string row(const Span& span, const Screen& screen) {
  const bool error = span.status == StatusCode::error;
  const unsigned name_width = screen.width > kNamePlace ? screen.width - kNamePlace : kName;
  const std::string status = left_cell(to_string(span.status), kStatus);
  std::string name = printable(span.name);
  if (screen.width > 0) name = cut_cells(name, name_width);
  return fmt::format("{}  {}  {}  {}  {}  {}  {}\n", local_time(span.start_unix_ns),
                     left_cell(printable(span.resource->service_name), kService),
                     left_cell(to_string(span.kind), kKind),
                     right_cell(printable(human_duration(span.end_unix_ns - span.start_unix_ns)), kDuration),
                     toned(status, error ? Tone::bad : Tone::plain, screen.color), span.trace_id.hex(), name);
}
}  // namespace

bool SpanLines::take(const Span& span) {
  std::string out;
  if (!std::exchange(titled_, true)) {
    out = toned(fmt::format("{:<12}  {:<18}  {:<8}  {:>9}  {:<6}  {:<32}  {}", "START", "SERVICE", "KIND", "DURATION",
                            "STATUS", "TRACE", "NAME"),
                Tone::strong, screen_.color) +
          "\n";
  }
  return print(out + row(span, screen_));
}

bool SpanLines::line(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_object() && json.contains("lost")) {
    complain(fmt::format("{} spans lost so far: this reader is too slow", count_of(json, "lost")), kOk);
    return true;
  }
  if (format_ == Format::json) return print(std::string(text) + "\n");
  if (format_ == Format::yaml) return print("---\n" + yaml_text(json));
  const auto span = parse_span_json(text);
  if (!span) {
    complain(span.error().message, kOk);
    return true;
  }
  return take(*span);
}

bool SpanLines::take(std::string_view data) {
  rest_ += data;
  std::size_t begin = 0;
  for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
    if (end > begin && !line(std::string_view(rest_).substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  rest_.erase(0, begin);
  return true;
}

}  // namespace weft::cli
