// SPDX-License-Identifier: Apache-2.0
// weft status, weft ps.
#include <fmt/format.h>

#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/remedies.h"
#include "cli/terminal.h"
#include "exporter/console/cells.h"

namespace weft::cli {
namespace {

Tone tone_of(const std::string& state) {
  if (state == "works" || state == "traced") return Tone::good;
  if (state == "missing" || state == "refused") return Tone::bad;
  if (state == "limited" || state == "instrumented") return Tone::warn;
  return Tone::dim;
}

std::string exporter_line(const Json& exporter) {
  std::string text = fmt::format("{}; {} of {} queued", counts_text(member(exporter, "spans")),
                                 count_of(exporter, "queued"), count_of(exporter, "queue_limit"));
  if (const auto error = text_of(exporter, "last_error"); !error.empty()) text += "; last error: " + error;
  return text;
}

std::string joined(const Json& list) {
  std::string text;
  for (const auto& item : list) {
    if (item.is_string()) text += (text.empty() ? "" : ",") + item.get<std::string>();
  }
  return text.empty() ? "-" : text;
}

std::string status_text(const Json& status, const Screen& screen) {
  const Json& kernel = member(status, "kernel");
  std::string out = toned(printable(fmt::format(
                              "weft {}, pid {}, up {}, kernel {}", text_of(status, "version"), count_of(status, "pid"),
                              human_span_of_time(number_of(status, "uptime_seconds")), text_of(kernel, "release"))),
                          Tone::strong, screen.color) +
                    "\n";
  const auto line = [&](std::string_view name, const std::string& text, Tone tone = Tone::plain) {
    out += fmt::format("  {:<18} {}\n", name, toned(printable(text), tone, screen.color));
  };
  const bool healthy = member(status, "healthy") == true;
  line("health", healthy ? "ok" : "not well", healthy ? Tone::good : Tone::bad);
  for (const auto& problem : member(status, "problems")) {
    if (problem.is_string()) line("", problem.get<std::string>(), Tone::warn);
  }
  if (const auto& keys = member(status, "restart_needed_for"); !keys.empty())
    line("restart needed", "for " + joined(keys), Tone::warn);
  const Json& spans = member(status, "spans");
  const Json& store = member(status, "store");
  line("processes", counts_text(member(status, "processes")));
  line("spans", fmt::format("{:.1f}/s, {} since start", number_of(spans, "per_second"), count_of(spans, "total")));
  line("injections", counts_text(member(status, "injections")));
  if (!member(status, "response_headers").empty())
    line("response headers", counts_text(member(status, "response_headers")));
  if (!member(status, "unenforced").empty())
    line("unenforced", "baggage " + counts_text(member(status, "unenforced")) + " (weft policy show)", Tone::warn);
  line("losses", counts_text(member(status, "losses")));
  for (const auto& exporter : member(status, "exporters")) {
    line("exporter " + printable(text_of(exporter, "name")), exporter_line(exporter),
         text_of(exporter, "last_error").empty() ? Tone::plain : Tone::warn);
  }
  line("recent traces", fmt::format("{} with {} spans, {}", count_of(store, "traces"), count_of(store, "spans"),
                                    human_bytes(count_of(store, "bytes"))));
  const Json& sampling = member(status, "sampling");
  line("sampling",
       fmt::format("{}, {:g} of what no rule names", text_of(sampling, "sampler"), number_of(sampling, "ratio")));
  const auto policy = text_of(status, "policy_version");
  line("policy", policy.empty() ? "none" : policy);
  out += "\n";
  Table table({{"KERNEL"}, {"STATE"}, {"EFFECT", false, true}});
  for (const auto& mechanism : member(kernel, "mechanisms")) {
    const auto state = text_of(mechanism, "state");
    table.row({text_of(mechanism, "name"), {state, tone_of(state)}, text_of(mechanism, "effect")});
  }
  return out + table.text(screen);
}

// Where no call is tied to a request, those over HTTP/2 are not for the same reason.
std::string http2_why(const Json& task) {
  const Json& http2 = member(task, "http2");
  if (http2.is_null() || text_of(task, "rule") == "none") return "";
  return fmt::format("; calls over HTTP/2: {}: {}", text_of(http2, "rule"), text_of(http2, "why"));
}

// What is traced shows how it is followed; that it was selected its state says already.
std::string why_of(const Json& row) {
  const Json& task = member(row, "task");
  const std::string why = text_of(row, "state") == "traced" ? text_of(task, "why") : "";
  return why.empty() ? text_of(row, "reason") : why + http2_why(task);
}

std::string ps_text(const Json& answer, const Screen& screen) {
  Table table({{"PID", true},
               {"SERVICE", false, true},
               {"LANGUAGE"},
               {"STATE"},
               {"TASK"},
               {"CONNS SEEN", true},
               {"PROTOCOLS"},
               {"PROBES"},
               {"NO PARENT"},
               {"WHY", false, true}});
  for (const auto& row : member(answer, "processes")) {
    const auto state = text_of(row, "state"), language = text_of(row, "language");
    const auto rule = text_of(member(row, "task"), "rule");
    const Json& missing = member(member(row, "calls"), "without_parent");
    table.row({std::to_string(count_of(row, "pid")),
               text_of(row, "service"),
               language.empty() ? "-" : language,
               {state, tone_of(state)},
               rule.empty() ? "-" : rule,
               std::to_string(count_of(row, "connections")),
               joined(member(row, "protocols")),
               joined(member(row, "probes")),
               missing.empty() ? "-" : counts_text(missing),
               why_of(row)});
  }
  return table.text(screen) + remedies_text(remedies(answer), screen);
}

// Those that are selected, whatever came of it: a machine has hundreds of others.
Json selected(const Json& answer) {
  Json rows = Json::array();
  for (const auto& row : member(answer, "processes")) {
    if (text_of(row, "state") != "seen") rows.push_back(row);
  }
  return {{"processes", std::move(rows)}};
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto& command = add_query(app, context, "status", "how the agent is: processes, spans, losses, exporters, kernel",
                            "weft status -o json | jq .losses");
  command.callback([&context] {
    const auto status = fetch_json(context, "/v1/status");
    if (!status) return;
    print(context.format == Format::table ? status_text(*status, screen()) : machine_text(*status, context.format));
    context.exit_code = member(*status, "healthy") == true ? kOk : kNo;
  });
}

void add_ps(CLI::App& app, Context& context) {
  auto& command =
      add_query(app, context, "ps", "selected processes: traced or not and why, how requests are tied to work",
                "weft ps --all -o yaml");
  auto all = std::make_shared<bool>(false);
  command.add_flag("--all", *all, "also those that nothing selects");
  command.callback([&context, all] {
    const auto seen = fetch_json(context, "/v1/processes");
    if (!seen) return;
    const Json answer = *all ? *seen : selected(*seen);
    print(context.format == Format::table ? ps_text(answer, screen()) : machine_text(answer, context.format));
    if (context.format == Format::table && member(answer, "processes").empty())
      complain(
          fmt::format("none of {} processes is selected: weft ps --all says why", member(*seen, "processes").size()),
          kOk);
  });
}

}  // namespace weft::cli
