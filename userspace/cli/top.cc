// SPDX-License-Identifier: Apache-2.0
// weft top: the busiest routes, live on a terminal, once otherwise.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <thread>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/terminal.h"
#include "exporter/console/waterfall.h"

namespace weft::cli {
namespace {

constexpr std::string_view kHomeAndClear = "\x1b[H\x1b[2J";

struct TopOptions {
  unsigned rows = 20;
  std::int64_t interval_ns = 2'000'000'000;
  bool once = false;
};

std::string top_text(const Json& answer, const Screen& screen, unsigned rows) {
  Table table({{"SERVICE", false, true},
               {"METHOD"},
               {"ROUTE", false, true},
               {"RATE/S", true},
               {"ERRORS", true},
               {"P50", true},
               {"P99", true},
               {"TOTAL", true}});
  for (const auto& route : member(answer, "routes")) {
    if (rows-- == 0) break;
    const double errors = number_of(route, "error_ratio");
    const auto method = text_of(route, "method");
    table.row({text_of(route, "service"),
               method.empty() ? "-" : method,
               text_of(route, "route"),
               fmt::format("{:.1f}", number_of(route, "rate_per_second")),
               {fmt::format("{:.1f}%", errors * 100), errors > 0 ? Tone::bad : Tone::plain},
               human_duration(count_of(route, "p50_nano")),
               human_duration(count_of(route, "p99_nano")),
               std::to_string(count_of(route, "total"))});
  }
  return table.text(screen);
}

void run(Context& context, const TopOptions& options) {
  const bool live = context.format == Format::table && screen().terminal && !options.once;
  while (true) {
    const auto answer = fetch_json(context, "/v1/routes");
    if (!answer) return;
    if (context.format != Format::table) {
      print(machine_text(*answer, context.format));
      return;
    }
    const Screen now = screen();
    const std::string title = fmt::format("routes over the last {} s\n\n", count_of(*answer, "window_seconds"));
    const bool shown = print((live ? std::string(kHomeAndClear) : "") + title + top_text(*answer, now, options.rows));
    if (!live || !shown) return;
    std::this_thread::sleep_for(std::chrono::nanoseconds(options.interval_ns));
  }
}

}  // namespace

void add_top(CLI::App& app, Context& context) {
  auto& command = add_query(app, context, "top", "routes by rate, with errors and latency; live on a terminal",
                            "weft top --interval 1s -n 10");
  auto options = std::make_shared<TopOptions>();
  command.add_option("-n", options->rows, "how many rows [20]")->check(CLI::Range(1, 1000))->type_name("N");
  command.add_option("--interval", options->interval_ns, "pause between two looks [2s]")
      ->transform(duration_to_ns())
      ->type_name("DURATION");
  command.add_flag("--once", options->once, "one look, no live screen");
  command.callback([&context, options] { run(context, *options); });
}

}  // namespace weft::cli
