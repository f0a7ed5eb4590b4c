// SPDX-License-Identifier: Apache-2.0
#include "control/api_policy.h"

#include <fmt/format.h>
#include <httplib.h>

#include <charconv>

#include "control/api_answers.h"
#include "control/config_values.h"
#include "control/policy_control.h"
#include "control/policy_json.h"
#include "control/policy_yaml.h"

namespace weft {
namespace {

void settle(httplib::Response& response, const std::expected<PolicyReport, PolicyRefusal>& done) {
  if (done) return answer(response, policy_applied_json(*done));
  response.status = 400;
  answer(response, policy_refusal_json(done.error()));
}

// What messages call the text that came: the file that the sender read it from, if it says so.
std::string name_of(const httplib::Request& request) {
  const std::string name = request.get_param_value("name");
  return name.empty() || name.size() > 4096 ? "api" : name;
}

void shadow(PolicyControl& policy, const httplib::Request& request, httplib::Response& response) {
  std::chrono::nanoseconds duration{0};
  if (const auto text = request.get_param_value("for"); !text.empty()) {
    try {
      duration = config::parse_duration(text, std::chrono::seconds(1), std::chrono::hours(24 * 365));
    } catch (const config::BadValue& bad) {
      return refuse(response, 400, "for: " + bad.reason);
    }
  }
  settle(response, policy.try_policy(request.body, name_of(request), duration));
}

void explain(PolicyControl& policy, const httplib::Request& request, httplib::Response& response) {
  PolicyQuestion question;
  question.baggage = request.body;
  question.subject.service = request.get_param_value("service");
  question.subject.service_namespace = request.get_param_value("namespace");
  question.subject.environment = request.get_param_value("environment");
  if (request.has_param("path")) question.path = request.get_param_value("path");
  if (request.has_param("percent")) {
    const std::string text = request.get_param_value("percent");
    double percent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
    if (error != std::errc() || end != text.data() + text.size() || !(percent >= 0 && percent <= 100))
      return refuse(response, 400, fmt::format("percent: '{}' is not valid", text));
    question.percent = percent;
  }
  const auto explained = policy.explain_policy(question);
  if (!explained) return refuse(response, 400, explained.error().message);
  answer(response, policy_explanation_json(*explained));
}

}  // namespace

void route_policy(httplib::Server& server, PolicyControl* policy) {
  if (!policy) {
    const auto later = [](const auto&, auto& response) {
      response.status = 501;
      answer(response, error_json("this agent has no policy"));
    };
    server.Get("/v1/policy.*", later);
    server.Put("/v1/policy.*", later);
    return;
  }
  server.Get("/v1/policy",
             [policy](const auto&, auto& response) { answer(response, policy_json(policy->policy_status())); });
  server.Put("/v1/policy", [policy](const auto& request, auto& response) {
    settle(response, policy->apply_policy(request.body, name_of(request)));
  });
  server.Get("/v1/policy/shadow",
             [policy](const auto&, auto& response) { answer(response, policy_trial_json(policy->policy_status())); });
  server.Put("/v1/policy/shadow",
             [policy](const auto& request, auto& response) { shadow(*policy, request, response); });
  server.Delete("/v1/policy/shadow", [policy](const auto&, auto& response) {
    policy->end_trial();
    answer(response, "{}");
  });
  server.Post("/v1/policy/test",
              [policy](const auto& request, auto& response) { explain(*policy, request, response); });
}

}  // namespace weft
