// SPDX-License-Identifier: Apache-2.0
#include "exporter/console/waterfall.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "exporter/console/cells.h"
#include "exporter/console/trace_tree.h"

namespace weft {
namespace {

constexpr unsigned duration_cells = 8;
constexpr unsigned status_cells = 6;
constexpr unsigned min_bar_cells = 10;

struct Columns {
  unsigned service = 0, label = 0, bar = 0;
};

struct Window {
  std::uint64_t start_ns = 0, end_ns = 0;
};

class Painter {
 public:
  explicit Painter(bool color) : color_(color) {}
  std::string operator()(std::string_view text, const char* code) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }

 private:
  bool color_;
};

std::string service_of(const Span& span) { return printable(span.resource ? span.resource->service_name : "?"); }

// A client span's name is its method alone; where it went tells more.
std::string label_of(const Span& span) {
  std::string label = printable(span.name);
  if (span.kind == SpanKind::client || span.kind == SpanKind::producer) {
    label = "→ " + label;
    const std::string address = span.attributes.text("server.address"), port = span.attributes.text("server.port");
    if (!address.empty()) label += " " + printable(address) + (port.empty() ? "" : ":" + printable(port));
  }
  return label;
}

bool is_open(const Span& span) { return span.end_unix_ns == 0; }

std::string status_of(const Span& span) {
  if (is_open(span)) return "open";
  std::string code = span.attributes.text("http.response.status_code");
  if (code.empty()) code = span.attributes.text("rpc.status_code");
  if (!code.empty()) return printable(code);
  return span.status == StatusCode::error ? "ERROR" : span.status == StatusCode::ok ? "OK" : "-";
}

Columns measure(const std::vector<TreeRow>& rows, unsigned width) {
  unsigned service = 7, label = 12;
  for (const TreeRow& row : rows) {
    service = std::max(service, cell_width(service_of(*row.span)));
    label = std::max(label, cell_width(row.branch) + cell_width(label_of(*row.span)));
  }
  Columns columns;
  columns.service = std::min(service, std::max(8u, width / 6));
  const unsigned fixed = columns.service + 2 + 1 + duration_cells + 1 + 1 + status_cells;
  const unsigned rest = width > fixed + min_bar_cells + 12 ? width - fixed : min_bar_cells + 12;
  columns.label = std::min({label, rest * 11 / 20, rest - min_bar_cells});
  columns.bar = rest - columns.label;
  return columns;
}

std::uint64_t end_of(const Span& span, Window window) { return is_open(span) ? window.end_ns : span.end_unix_ns; }

std::string bar_of(const Span& span, Window window, unsigned cells) {
  const double total = static_cast<double>(std::max<std::uint64_t>(window.end_ns - window.start_ns, 1));
  const auto place = [&](std::uint64_t time) {
    const std::uint64_t inside = std::clamp(time, window.start_ns, window.end_ns) - window.start_ns;
    return static_cast<unsigned>(std::lround(static_cast<double>(inside) / total * cells));
  };
  const unsigned from = std::min(place(span.start_unix_ns), cells - 1);
  const unsigned to = std::clamp(place(end_of(span, window)), from + 1, cells);
  std::string bar(from, ' ');
  for (unsigned i = from; i < to; i++) bar += is_open(span) ? "░" : "█";
  return bar.append(cells - to, ' ');
}

std::string baggage_of(const Span& span) {
  std::string text;
  for (const auto& [key, value] : span.baggage)
    text += (text.empty() ? "" : ", ") + printable(key) + (value.empty() ? "" : "=" + printable(value));
  return text;
}

std::vector<std::pair<std::string, const char*>> notes_of(const TreeRow& row) {
  const Span& span = *row.span;
  std::vector<std::pair<std::string, const char*>> notes;
  const std::string error = span.attributes.text("error.type");
  if (span.status == StatusCode::error || !error.empty()) {
    std::string text = "error";
    if (!error.empty()) text += " " + printable(error);
    if (!span.status_message.empty()) text += ": " + printable(span.status_message);
    notes.emplace_back(text, "31");
  }
  if (span.parent_span_id.valid() && row.parent == nullptr && !span.parent_is_remote)
    notes.emplace_back("parent " + span.parent_span_id.hex() + " is not here", "33");
  if (const std::string skipped = span.attributes.text("weft.injection"); !skipped.empty())
    notes.emplace_back("context not injected: " + printable(skipped), "33");
  if (!span.baggage.empty() && (row.parent == nullptr || row.parent->baggage != span.baggage))
    notes.emplace_back("baggage " + baggage_of(span), "36");
  for (const SpanLink& link : span.links)
    if (link.trace_id != span.trace_id || link.span_id != span.parent_span_id)  // that one is shown above it
      notes.emplace_back("link to " + link.trace_id.hex() + "/" + link.span_id.hex(), "36");
  return notes;
}

const char* color_of_service(const std::string& service, const std::vector<std::string>& services) {
  static constexpr const char* palette[] = {"34", "32", "35", "36", "33", "94", "92", "95"};
  const auto place = std::find(services.begin(), services.end(), service) - services.begin();
  return palette[static_cast<std::size_t>(place) % std::size(palette)];
}

Window window_of(const std::vector<SpanPtr>& spans, std::uint64_t now_unix_ns) {
  Window window{spans.front()->start_unix_ns, spans.front()->end_unix_ns};
  for (const SpanPtr& span : spans) {
    window.start_ns = std::min(window.start_ns, span->start_unix_ns);
    window.end_ns =
        std::max(window.end_ns, is_open(*span) ? std::max(now_unix_ns, span->start_unix_ns) : span->end_unix_ns);
  }
  return window;
}

std::string plural(std::size_t count, const char* word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string render_trace(const std::vector<SpanPtr>& spans, unsigned width, std::uint64_t now_unix_ns, Painter paint) {
  const std::vector<TreeRow> rows = trace_tree(spans);
  const Columns columns = measure(rows, width);
  const Window window = window_of(spans, now_unix_ns);
  std::vector<std::string> services;
  for (const TreeRow& row : rows)
    if (std::find(services.begin(), services.end(), service_of(*row.span)) == services.end())
      services.push_back(service_of(*row.span));
  const auto open = std::ranges::count_if(spans, [](const SpanPtr& span) { return is_open(*span); });
  std::string out =
      paint(cut_cells(fmt::format("trace {}  {}  {}  {}{}", spans.front()->trace_id.hex(),
                                  human_duration(window.end_ns - window.start_ns), plural(spans.size(), "span"),
                                  plural(services.size(), "service"), open ? fmt::format("  {} open", open) : ""),
                      width),
            "1") +
      "\n";
  for (const TreeRow& row : rows) {
    const Span& span = *row.span;
    const std::string service = service_of(span);
    const char* color = color_of_service(service, services);
    const bool error = span.status == StatusCode::error;
    const std::uint64_t end = end_of(span, window);
    out += paint(left_cell(service, columns.service), color) + "  " +
           left_cell(row.branch + label_of(span), columns.label) + " " +
           right_cell(human_duration(end - std::min(span.start_unix_ns, end)), duration_cells) + " " +
           paint(bar_of(span, window, columns.bar), error ? "31" : color) + " " +
           paint(cut_cells(status_of(span), status_cells), error ? "31" : "0") + "\n";
    for (const auto& [note, note_color] : notes_of(row)) {
      const std::string lead = std::string(columns.service + 2, ' ') + row.stem + "  ";
      const unsigned used = cell_width(lead);
      out += lead + paint(cut_cells(note, width > used ? width - used : 0), note_color) + "\n";
    }
  }
  return out;
}

}  // namespace

std::string human_duration(std::uint64_t duration_ns) {
  const double ns = static_cast<double>(duration_ns);
  const auto three_places = [](double value, const char* unit) {
    return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, unit);
  };
  if (duration_ns < 1000) return fmt::format("{}ns", duration_ns);
  if (ns < 999.5e3) return three_places(ns / 1e3, "µs");
  if (ns < 999.5e6) return three_places(ns / 1e6, "ms");
  if (ns < 59.95e9) return three_places(ns / 1e9, "s");
  const std::uint64_t seconds = (duration_ns + 500'000'000) / 1'000'000'000;
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
}

std::string render_waterfall(std::vector<SpanPtr> spans, WaterfallOptions options) {
  std::stable_sort(spans.begin(), spans.end(),
                   [](const SpanPtr& a, const SpanPtr& b) { return a->start_unix_ns < b->start_unix_ns; });
  std::vector<std::vector<SpanPtr>> traces;
  std::map<std::array<std::uint8_t, 16>, std::size_t> place;
  for (SpanPtr& span : spans) {
    const auto [found, added] = place.emplace(span->trace_id.bytes, traces.size());
    if (added) traces.emplace_back();
    traces[found->second].push_back(std::move(span));
  }
  std::string out;
  for (const auto& trace : traces) {
    if (!out.empty()) out += "\n";
    out += render_trace(trace, std::max(options.width, 60u), options.now_unix_ns, Painter(options.color));
  }
  return out;
}

}  // namespace weft
