// SPDX-License-Identifier: Apache-2.0
// weft traces, weft trace ID.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/terminal.h"
#include "exporter/console/span_json.h"
#include "exporter/console/waterfall.h"

namespace weft::cli {
namespace {

std::string traces_text(const Json& answer, const Screen& screen) {
  Table table({{"TRACE"},
               {"START"},
               {"DURATION", true},
               {"SPANS", true},
               {"ERRORS", true},
               {"SERVICE", false, true},
               {"NAME", false, true},
               {"SERVICES", false, true}});
  for (const auto& trace : member(answer, "traces")) {
    std::string services;
    for (const auto& service : member(trace, "services")) {
      if (service.is_string()) services += (services.empty() ? "" : ",") + service.get<std::string>();
    }
    const auto errors = count_of(trace, "errors");
    table.row({text_of(trace, "trace_id"),
               local_time(count_of(trace, "start_unix_nano")),
               human_duration(count_of(trace, "duration_nano")),
               std::to_string(count_of(trace, "spans")),
               {std::to_string(errors), errors ? Tone::bad : Tone::plain},
               text_of(trace, "service"),
               text_of(trace, "name"),
               services});
  }
  return table.text(screen);
}

// A span that cannot be read is left out, which is said on stderr.
std::string waterfall_text(const Json& answer, const Screen& screen) {
  WaterfallOptions options;
  options.color = screen.color;
  std::vector<SpanPtr> spans;
  for (const auto& item : member(answer, "spans")) {
    auto span = parse_span_json(item.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!span) {
      complain(span.error().message, kOk);
      continue;
    }
    options.now_unix_ns =
        std::max(options.now_unix_ns, span->start_unix_ns + count_of(member(item, "open"), "for_nano"));
    spans.push_back(std::make_shared<const Span>(std::move(*span)));
  }
  if (const auto why = text_of(answer, "open_unknown"); !why.empty()) complain(why, kOk);
  if (screen.width > 0) options.width = screen.width;
  return render_waterfall(std::move(spans), options);
}

struct TracesOptions {
  std::string service;
  std::string min_duration_ns;
  bool error = false;
  unsigned count = 20;
};

}  // namespace

void add_traces(CLI::App& app, Context& context) {
  auto& command =
      add_query(app, context, "traces", "recent traces, newest first", "weft traces --min-duration 100ms --error");
  auto options = std::make_shared<TracesOptions>();
  command.add_option("--service", options->service, "only those that this service took part in")->type_name("NAME");
  command.add_option("--min-duration", options->min_duration_ns, "only those that took this long: 100ms, 2s")
      ->transform(duration_to_ns())
      ->type_name("DURATION");
  command.add_flag("--error", options->error, "only with a span whose status is error");
  command.add_option("-n", options->count, "how many [20]")->check(CLI::Range(1, 10000))->type_name("N");
  command.callback([&context, options] {
    const auto answer = fetch_json(context, with_query("/v1/traces", {{"service", options->service},
                                                                      {"min_duration_nano", options->min_duration_ns},
                                                                      {"error", options->error ? "1" : ""},
                                                                      {"limit", std::to_string(options->count)}}));
    if (!answer) return;
    print(context.format == Format::table ? traces_text(*answer, screen()) : machine_text(*answer, context.format));
  });
}

void add_trace(CLI::App& app, Context& context) {
  auto& command =
      add_query(app, context, "trace", "one trace as a waterfall, with requests that still wait for their response",
                "weft trace 4bf92f3577b34da6a3ce929d0e0e4736");
  auto id = std::make_shared<std::string>();
  command.add_option("id", *id, "trace id, 32 hex digits")->required()->check(trace_id())->type_name("ID");
  command.callback([&context, id] {
    const auto answer = fetch_json(context, "/v1/traces/" + *id);
    if (!answer) return;
    print(context.format == Format::table ? waterfall_text(*answer, screen()) : machine_text(*answer, context.format));
  });
}

}  // namespace weft::cli
