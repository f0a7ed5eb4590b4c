// SPDX-License-Identifier: Apache-2.0
// weft record FILE, weft replay FILE.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "assemble/replay.h"
#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/terminal.h"
#include "cli/whole_records.h"
#include "control/config_load.h"
#include "control/pipeline_options.h"
#include "exporter/console/span_json.h"
#include "exporter/console/waterfall.h"
#include "kernel/recording.h"

namespace weft::cli {
namespace {

struct RecordOptions {
  std::string file;
  bool force = false;
  std::int64_t duration_ns = 0;
};

// Whole records only reach the file, so that an end in the middle of one leaves a recording that can be read.
int record(Context& context, const RecordOptions& options) {
  if (!fetch(context, "/v1/status")) return context.exit_code;  // no agent: no empty file
  auto writer = RecordingWriter::create(options.file, options.force);
  if (!writer) return complain(writer.error().message, kNo);
  WholeRecords records;
  std::string problem;
  const bool streamed =
      stream(context, "/v1/events", std::chrono::nanoseconds(options.duration_ns), [&](std::string_view data) {
        const std::string ready = records.take(data);
        const auto written = writer->write(std::as_bytes(std::span(ready)));
        if (!written) problem = written.error().message;
        if (records.broken()) problem = "the agent's events are of another version of weft";
        return problem.empty();
      });
  const auto closed = writer->close();
  if (!closed && problem.empty()) problem = closed.error().message;
  if (!streamed) return context.exit_code;
  if (!problem.empty()) return complain(problem, kNo);
  if (!records.begun()) {  // not even a header: nothing could read that
    std::error_code ignored;
    std::filesystem::remove(options.file, ignored);
    return complain("ended before the agent had sent anything; no file is left", kNo);
  }
  fmt::print(stderr, "{} records in {}\n", records.count(), options.file);
  return kOk;
}

struct ReplayOptions {
  std::string file;
  std::optional<std::string> config;
};

// Without --config the defaults: what another agent is told on this machine has nothing to do with the recording.
Result<PipelineOptions> replay_pipeline(const ReplayOptions& options) {
  if (!options.config) return PipelineOptions{};
  ConfigSources sources;
  sources.file = options.config;
  sources.default_policy_file.clear();
  const auto config = load_config(sources);
  if (!config) return std::unexpected(config.error());
  return pipeline_options(*config);
}

int replay_spans(Context& context, const ReplayOptions& options) {
  auto pipeline = replay_pipeline(options);
  if (!pipeline) return complain(pipeline.error().message, kUsage);
  const Screen screen = cli::screen();
  std::vector<SpanPtr> spans;
  bool shown = true;
  const auto result = replay_file(options.file, std::move(*pipeline), [&](const Assembled& assembled) {
    if (!assembled.record || !shown) return;
    if (context.format == Format::table)
      spans.push_back(assembled.span);
    else if (context.format == Format::json)
      shown = print(span_json(*assembled.span) + "\n");
    else
      shown = print("---\n" + yaml_text(Json::parse(span_json(*assembled.span), nullptr, false)));
  });
  WaterfallOptions look;
  look.color = screen.color;
  if (screen.width > 0) look.width = screen.width;
  if (!spans.empty()) print(render_waterfall(std::move(spans), look));
  if (!result) return complain(result.error().message, kNo);
  return kOk;
}

}  // namespace

void add_record(CLI::App& app, Context& context) {
  auto& command = add_command(app, "record", "kernel events, after masking, to a file of mode 0600, until Ctrl-C",
                              "weft record --duration 10s orders.weft");
  add_socket_option(command, context);
  auto options = std::make_shared<RecordOptions>();
  command.add_option("file", options->file, "where to")->required()->type_name("FILE");
  command.add_flag("--force", options->force, "replace the file if it is there");
  command.add_option("--duration", options->duration_ns, "end after this long: 10s, 5m")
      ->transform(duration_to_ns())
      ->type_name("DURATION");
  command.callback([&context, options] { context.exit_code = record(context, *options); });
}

void add_replay(CLI::App& app, Context& context) {
  auto& command = add_command(app, "replay", "a recording through the pipeline: its traces; needs no agent",
                              "weft replay orders.weft -o json");
  add_format_option(command, context);
  auto options = std::make_shared<ReplayOptions>();
  command.add_option("file", options->file, "a file of weft record")->required()->type_name("FILE");
  command
      .add_option("--config", options->config,
                  "a configuration of weftd: its routes, capture.headers, spans and sampling")
      ->type_name("FILE");
  command.callback([&context, options] { context.exit_code = replay_spans(context, *options); });
}

}  // namespace weft::cli
