// SPDX-License-Identifier: Apache-2.0
// weft spans: recent ones, live, or those that are not over.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <sstream>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/span_lines.h"
#include "cli/terminal.h"
#include "exporter/console/waterfall.h"

namespace weft::cli {
namespace {

struct SpansOptions {
  bool follow = false, open = false;
  std::string service, trace, kind;
  bool error = false;
  unsigned count = 20;
};

// Messages of gRPC so far; "-": it is not gRPC, or they are not counted.
std::string messages_text(const Json& open, const char* key) {
  return member(open, key).is_null() ? "-" : std::to_string(count_of(open, key));
}

std::string open_text(const std::string& lines, const Screen& screen) {
  Table table({{"OPEN FOR", true},
               {"SERVICE", false, true},
               {"KIND"},
               {"SENT", true},
               {"ANSWERED", true},
               {"TRACE"},
               {"SPAN"},
               {"NAME", false, true}});
  std::istringstream all(lines);
  for (std::string line; std::getline(all, line);) {
    const Json span = Json::parse(line, nullptr, false);
    const Json& open = member(span, "open");
    table.row({human_duration(count_of(open, "for_nano")), text_of(member(span, "resource"), "service.name"),
               text_of(span, "kind"), messages_text(open, "request_messages"), messages_text(open, "response_messages"),
               text_of(span, "trace_id"), text_of(span, "span_id"), text_of(span, "name")});
  }
  return table.text(screen);
}

void run_open(Context& context, const SpansOptions& options) {
  const auto body = fetch(context, with_query("/v1/spans", {{"open", "1"},
                                                            {"service", options.service},
                                                            {"trace_id", options.trace},
                                                            {"kind", options.kind},
                                                            {"limit", std::to_string(options.count)}}));
  if (!body) return;
  if (context.format == Format::table)
    print(open_text(*body, screen()));
  else
    SpanLines(context.format, screen()).take(*body);
}

void run(Context& context, const SpansOptions& options) {
  if (options.open) return run_open(context, options);
  const std::string path = with_query("/v1/spans", {{"follow", options.follow ? "1" : ""},
                                                    {"service", options.service},
                                                    {"trace_id", options.trace},
                                                    {"kind", options.kind},
                                                    {"error", options.error ? "1" : ""},
                                                    {"limit", std::to_string(options.count)}});
  SpanLines lines(context.format, screen());
  if (options.follow) {
    stream(context, path, {}, [&](std::string_view data) { return lines.take(data); });
  } else if (const auto body = fetch(context, path)) {
    lines.take(*body);
  }
}

}  // namespace

void add_spans(CLI::App& app, Context& context) {
  auto& command =
      add_query(app, context, "spans",
                "recent spans, live ones with -f, or requests that wait for their response with --open; JSON "
                "is one object a line",
                "weft spans -f --service orders --error");
  auto options = std::make_shared<SpansOptions>();
  auto* follow = command.add_flag("-f,--follow", options->follow, "go on with spans as they come, until Ctrl-C");
  auto* open = command.add_flag("--open", options->open, "what is not over, the longest first: streams, waiting calls");
  open->excludes(follow);
  command.add_option("--service", options->service, "only of this service.name")->type_name("NAME");
  command.add_option("--trace", options->trace, "only of this trace (32 hex digits)")
      ->check(trace_id())
      ->type_name("ID");
  command.add_option("--kind", options->kind, "server, client, internal, producer or consumer")
      ->check(span_kind())
      ->type_name("KIND");
  command.add_flag("--error", options->error, "only with status error")->excludes(open);
  command.add_option("-n", options->count, "how many recent ones [20]")->check(CLI::Range(0, 10000))->type_name("N");
  command.callback([&context, options] { run(context, *options); });
}

}  // namespace weft::cli
