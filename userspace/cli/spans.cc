// SPDX-License-Identifier: Apache-2.0
// weft spans, recent or live.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/span_lines.h"

namespace weft::cli {
namespace {

struct SpansOptions {
  bool follow = false;
  std::string service, trace, kind;
  bool error = false;
  unsigned count = 20;
};

void run(Context& context, const SpansOptions& options) {
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
  auto& command = add_query(app, context, "spans", "recent spans, or live ones with -f; JSON is one object a line",
                            "weft spans -f --service orders --error");
  auto options = std::make_shared<SpansOptions>();
  command.add_flag("-f,--follow", options->follow, "go on with spans as they come, until Ctrl-C");
  command.add_option("--service", options->service, "only of this service.name")->type_name("NAME");
  command.add_option("--trace", options->trace, "only of this trace (32 hex digits)")
      ->check(trace_id())
      ->type_name("ID");
  command.add_option("--kind", options->kind, "server, client, internal, producer or consumer")
      ->check(span_kind())
      ->type_name("KIND");
  command.add_flag("--error", options->error, "only with status error");
  command.add_option("-n", options->count, "how many recent ones [20]")->check(CLI::Range(0, 10000))->type_name("N");
  command.callback([&context, options] { run(context, *options); });
}

}  // namespace weft::cli
