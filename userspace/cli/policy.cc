// SPDX-License-Identifier: Apache-2.0
// weft policy show, check, apply, test, shadow, diff.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/policy_text.h"
#include "control/policy_file.h"
#include "control/policy_json.h"
#include "policy/compile.h"
#include "policy/explain.h"

namespace weft::cli {
namespace {

constexpr const char* kYaml = "application/yaml";

void show(Context& context, const Json& answer, std::string (*table)(const Json&, const Screen&)) {
  print(context.format == Format::table ? table(answer, screen()) : machine_text(answer, context.format));
}

// "-" is standard input. Otherwise the reason is on stderr and the exit code is set.
std::optional<std::string> text_of_file(Context& context, const std::string& file) {
  if (file == "-") {
    std::string text(kMostPolicyBytes + 1, '\0');  // one more is refused as too large
    text.resize(std::fread(text.data(), 1, text.size(), stdin));
    return text;
  }
  auto text = read_policy_file(file);
  if (text) return std::move(*text);
  context.exit_code = complain(text.error().message, kNo);
  return std::nullopt;
}

struct Checked {
  PolicyReport report;
  CompiledSet set;
  double seconds = 0;  // to compile it
};

std::optional<Checked> check(Context& context, const std::string& file) {
  const auto text = text_of_file(context, file);
  if (!text) return std::nullopt;
  const auto refuse = [&](const PolicyError& error) {
    const PolicyRefusal refusal{file, error, 0};
    if (context.format != Format::table) print(machine_text(Json::parse(policy_refusal_json(refusal)), context.format));
    context.exit_code = complain(refusal.message(), kNo);
    return std::nullopt;
  };
  auto read = read_policy(*text, file);
  if (!read) return refuse(read.error());
  const auto before = std::chrono::steady_clock::now();
  auto compiled = compile(read->rules);
  const auto after = std::chrono::steady_clock::now();
  if (!compiled) return refuse(compiled.error());
  Checked checked{{std::move(read->rules), std::move(read->warnings), "file", 0, 0, {}, 0},
                  std::move(*compiled),
                  std::chrono::duration<double>(after - before).count()};
  for (const PolicySize& size : checked.set.sizes) checked.report.sets.push_back({size, {}});
  return checked;
}

void add_show(CLI::App& policy, Context& context) {
  auto& command = add_query(policy, context, "show", "the policy in force, entry by entry, with what each has done",
                            "weft policy show -o json | jq '.sets[0].deny'");
  command.callback([&context] {
    if (const auto answer = fetch_json(context, "/v1/policy")) show(context, *answer, policy_text);
  });
}

void add_check(CLI::App& policy, Context& context) {
  auto& command = add_command(policy, "check", "whether a file can be used, how large it becomes; needs no agent",
                              "weft policy check /etc/weft/baggage.yaml");
  add_format_option(command, context);
  auto file = std::make_shared<std::string>();
  command.add_option("FILE", *file, "the policy, - for standard input")->required();
  command.callback([&context, file] {
    const auto checked = check(context, *file);
    if (!checked) return;
    Json json = policy_report_object(checked->report);
    for (const char* key : {"origin", "generation", "since_unix_nano"}) json.erase(key);
    json["compile_seconds"] = checked->seconds;
    show(context, json, policy_check_text);
    if (context.format == Format::table) fmt::print(stderr, "{}", policy_warnings_text(json, *file));
  });
}

void send_policy(Context& context, const std::string& path, const std::string& file, const std::string& duration,
                 const char* done) {
  const auto text = text_of_file(context, file);
  if (!text) return;
  const auto body =
      send(context, Method::put, with_query(path, {{"name", file == "-" ? "standard input" : file}, {"for", duration}}),
           *text, kYaml);
  if (!body) return;
  const auto answer = parse_answer(context, *body);
  if (!answer) return;
  if (context.format != Format::table) {
    print(machine_text(*answer, context.format));
    return;
  }
  fmt::print(stderr, "{}", policy_warnings_text(*answer, file));
  print(fmt::format("{} {}\n", policy_name_text(*answer), done));
}

void add_apply(CLI::App& policy, Context& context) {
  auto& command = add_query(policy, context, "apply",
                            "puts a policy in force at once; it holds until the agent's own file next changes",
                            "weft policy apply new-baggage.yaml");
  auto file = std::make_shared<std::string>();
  command.add_option("FILE", *file, "the policy, - for standard input")->required();
  command.callback([&context, file] { send_policy(context, "/v1/policy", *file, "", "is in force"); });
}

struct TestOptions {
  std::string baggage, service, service_namespace, environment, path = "/", file;
  std::optional<double> percent;
};

void test(Context& context, const TestOptions& options) {
  if (!options.file.empty()) {
    const auto checked = check(context, options.file);
    if (!checked) return;
    PolicyQuestion question{options.baggage, {}, options.path, options.percent};
    question.subject.service = options.service;
    question.subject.service_namespace = options.service_namespace;
    question.subject.environment = options.environment;
    return show(context, policy_explanation_object(explain(checked->set, question)), policy_test_text);
  }
  const auto body =
      send(context, Method::post,
           with_query("/v1/policy/test", {{"service", options.service},
                                          {"namespace", options.service_namespace},
                                          {"environment", options.environment},
                                          {"path", options.path},
                                          {"percent", options.percent ? fmt::format("{}", *options.percent) : ""}}),
           options.baggage, "text/plain");
  if (!body) return;
  if (const auto answer = parse_answer(context, *body)) show(context, *answer, policy_test_text);
}

void add_test(CLI::App& policy, Context& context) {
  auto& command = add_query(policy, context, "test", "what becomes of a baggage header, member by member, and why",
                            "weft policy test 'user.id=7,phone=555' --service orders");
  auto options = std::make_shared<TestOptions>();
  command.add_option("BAGGAGE", options->baggage, "as in the header: key=value,key2=value2")->required();
  command.add_option("--service", options->service, "of this service.name")->type_name("NAME");
  command.add_option("--namespace", options->service_namespace, "of this namespace")->type_name("NAME");
  command.add_option("--environment", options->environment, "of this environment")->type_name("NAME");
  command.add_option("--path", options->path, "of a request to this path [/]")->type_name("PATH");
  command.add_option("--percent", options->percent, "where the trace lies, for scopes with a percentage")
      ->check(CLI::Range(0.0, 100.0))
      ->type_name("P");
  command.add_option("--file", options->file, "by this policy instead of the agent's; needs no agent")
      ->type_name("FILE");
  command.callback([&context, options] { test(context, *options); });
}

void add_shadow(CLI::App& policy, Context& context) {
  auto& command = add_query(policy, context, "shadow",
                            "tries a policy beside the one in force, on the same requests and without effect",
                            "weft policy shadow new-baggage.yaml --for 10m");
  auto file = std::make_shared<std::string>(), duration = std::make_shared<std::string>();
  auto end = std::make_shared<bool>(false);
  auto* file_option = command.add_option("FILE", *file, "the policy, - for standard input");
  command.add_option("--for", *duration, "ends by itself after this time, such as 10m")
      ->check(CLI::Validator(
          [](std::string& text) {
            std::string copy = text;
            return duration_to_ns()(copy);
          },
          ""))
      ->type_name("DURATION");
  command.add_flag("--end", *end, "ends the trial that runs")->excludes(file_option);
  command.callback([&context, file, duration, end] {
    if (*end) {
      send(context, Method::remove, "/v1/policy/shadow", "", "");
      return;
    }
    if (file->empty()) throw CLI::RequiredError("FILE");
    send_policy(context, "/v1/policy/shadow", *file, *duration, "is on trial: weft policy diff");
  });
}

void add_diff(CLI::App& policy, Context& context) {
  auto& command = add_query(policy, context, "diff", "what the policy on trial would do that the one in force does not",
                            "weft policy diff");
  command.callback([&context] {
    const auto answer = fetch_json(context, "/v1/policy/shadow");
    if (!answer) return;
    if (!member(*answer, "shadow").is_object()) {
      context.exit_code = complain("no policy is on trial: weft policy shadow FILE", kNo);
      return;
    }
    show(context, *answer, policy_trial_text);
  });
}

}  // namespace

void add_policy(CLI::App& app, Context& context) {
  auto& policy = add_command(app, "policy", "the baggage policy: what passes, what is dropped, redacted or injected",
                             "weft policy show");
  policy.require_subcommand(1);
  for (const auto add : {add_show, add_check, add_apply, add_test, add_shadow, add_diff}) add(policy, context);
}

}  // namespace weft::cli
