// SPDX-License-Identifier: Apache-2.0
// weft sampling show, weft sampling set RATIO.
#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/terminal.h"

namespace weft::cli {
namespace {

constexpr const char* kPath = "/v1/sampling";

std::string ratio_text(const Json& object) {
  std::string text = fmt::format("{:g}", number_of(object, "ratio"));
  if (const double most = number_of(object, "max_per_second"); most > 0) text += fmt::format(", {:g}/s at most", most);
  if (const double least = number_of(object, "min_per_second"); least > 0)
    text += fmt::format(", {:g}/s at least", least);
  return text;
}

void add_rows(const Json& service, Table& table) {
  const auto name = text_of(service, "service");
  for (const auto& rule : member(service, "rules")) {
    const auto method = text_of(rule, "method"), path = text_of(rule, "path");
    table.row(
        {name, method.empty() ? "*" : method, path.empty() ? "*" : path, ratio_text(rule), text_of(rule, "source")});
  }
  table.row({name, "*", "*", ratio_text(service), text_of(service, "source")});
}

std::string keep_text(const Json& answer) {
  const Json& keep = member(answer, "keep");
  if (member(keep, "services").empty()) return {};
  return fmt::format("kept besides: {}; not kept: {}; waiting: {}\n", counts_text(member(keep, "kept_traces")),
                     counts_text(member(keep, "dropped_traces")), count_of(keep, "waiting_traces"));
}

std::string remote_text(const Json& answer) {
  const Json& remote = member(answer, "jaeger_remote");
  if (text_of(remote, "endpoint").empty()) return {};
  const auto error = text_of(remote, "last_error");
  return fmt::format("sampling server {}: {} answers, {} failures{}\n", text_of(remote, "endpoint"),
                     count_of(remote, "answers"), count_of(remote, "failures"),
                     error.empty() ? "" : "; last: " + error);
}

std::string sampling_text(const Json& answer, const Screen& screen) {
  const Json& parent_based = member(answer, "parent_based");
  std::string text = fmt::format("sampler {}{}\n\n", text_of(answer, "sampler"),
                                 parent_based == true ? " (what a caller decided holds)" : "");
  Table table({{"SERVICE", false, true}, {"METHOD"}, {"PATH", false, true}, {"RATIO", true}, {"BECAUSE OF"}});
  for (const auto& service : member(answer, "services")) add_rows(service, table);
  table.row({{"(others)", Tone::dim}, "*", "*", ratio_text(answer), text_of(answer, "source")});
  text += table.text(screen);
  const std::string more = keep_text(answer) + remote_text(answer);
  if (!more.empty()) text += "\n" + more;
  for (const auto& problem : member(answer, "problems"))
    if (problem.is_string()) text += "problem: " + problem.get<std::string>() + "\n";
  return text;
}

void show(Context& context, const Json& answer) {
  print(context.format == Format::table ? sampling_text(answer, screen()) : machine_text(answer, context.format));
}

// "0.1" or "default"; anything else is a usage error.
CLI::Validator ratio_or_default() {
  return CLI::Validator(
      [](std::string& text) {
        if (text == "default") return std::string();
        double ratio = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ratio);
        const bool good = error == std::errc() && end == text.data() + text.size() && ratio >= 0 && ratio <= 1;
        return good ? std::string() : "'" + text + "' is neither a number between 0 and 1 nor default";
      },
      "");
}

void add_sampling_show(CLI::App& parent, Context& context) {
  auto& command =
      add_query(parent, context, "show", "what ratio holds for which service and route, and why", "weft sampling show");
  command.callback([&context] {
    if (const auto answer = fetch_json(context, kPath)) show(context, *answer);
  });
}

void add_sampling_set(CLI::App& parent, Context& context) {
  auto& command = add_query(parent, context, "set", "set a ratio now; it holds until the configured ratios change",
                            "weft sampling set 0.1 --service orders");
  auto ratio = std::make_shared<std::string>(), service = std::make_shared<std::string>();
  command.add_option("ratio", *ratio, "0 to 1, or default: what is configured again")
      ->required()
      ->check(ratio_or_default())
      ->type_name("RATIO");
  command.add_option("--service", *service, "of this service alone")->type_name("NAME");
  command.callback([&context, ratio, service] {
    Json order = {{"ratio", nullptr}};
    if (*ratio != "default") order["ratio"] = std::stod(*ratio);
    if (!service->empty()) order["service"] = *service;
    const auto body = send(context, Method::put, kPath, order.dump(-1, ' ', false, Json::error_handler_t::replace),
                           "application/json");
    if (!body) return;
    const Json answer = Json::parse(*body, nullptr, false);
    if (!answer.is_discarded()) show(context, answer);
  });
}

}  // namespace

void add_sampling(CLI::App& app, Context& context) {
  auto& command = add_command(app, "sampling", "which share of new traces is recorded", "weft sampling show");
  command.require_subcommand(1);
  add_sampling_show(command, context);
  add_sampling_set(command, context);
}

}  // namespace weft::cli
