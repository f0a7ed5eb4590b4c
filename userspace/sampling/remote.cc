// SPDX-License-Identifier: Apache-2.0
#include "sampling/remote.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "exporter/signals_blocked.h"
#include "sampling/pattern.h"

namespace weft {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostOperations = 48;  // of one service; what is beyond has the service's ratio
constexpr double kMostPerSecond = 1e6;
constexpr auto kNewServiceWait = std::chrono::milliseconds(500);

struct BadAnswer {
  std::string reason;
};

const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json& object(const Json& parent, const char* name) {
  const Json* found = member(parent, name);
  if (!found || !found->is_object()) throw BadAnswer{fmt::format("{} is missing or no object", name)};
  return *found;
}

// Zero may be left out (JSON of Protocol Buffers).
double number(const Json& parent, const char* name, double most) {
  const Json* found = member(parent, name);
  if (!found) return 0;
  if (!found->is_number()) throw BadAnswer{fmt::format("{} is no number", name)};
  const auto value = found->get<double>();
  if (!(std::isfinite(value) && value >= 0 && value <= most))
    throw BadAnswer{fmt::format("{} is not between 0 and {}", name, most)};
  return value;
}

double sampling_rate(const Json& parent) { return number(object(parent, "probabilisticSampling"), "samplingRate", 1); }

// "GET /users/{id}" or "/users/{id}"; other names are no HTTP routes.
std::optional<PlannedRule> rule_of(const std::string& operation, double ratio) {
  PlannedRule rule{"", operation, ratio, "jaeger_remote"};
  if (const auto space = operation.find(' '); space != std::string::npos) {
    rule.method = operation.substr(0, space);
    rule.path = operation.substr(space + 1);
  }
  if (!rule.path.starts_with('/') || !problem_of_path(rule.path).empty() || !problem_of_method(rule.method).empty())
    return std::nullopt;
  return rule;
}

void read_operations(const Json& sampling, RemoteStrategy& strategy) {
  strategy.ratio = number(sampling, "defaultSamplingProbability", 1);
  strategy.min_per_second = number(sampling, "defaultLowerBoundTracesPerSecond", kMostPerSecond);
  strategy.max_per_second = number(sampling, "defaultUpperBoundTracesPerSecond", kMostPerSecond);
  const Json* list = member(sampling, "perOperationStrategies");
  if (!list) return;
  if (!list->is_array()) throw BadAnswer{"perOperationStrategies is no list"};
  for (const Json& entry : *list) {
    if (!entry.is_object()) throw BadAnswer{"perOperationStrategies: an entry is no object"};
    const Json* name = member(entry, "operation");
    if (!name || !name->is_string()) throw BadAnswer{"perOperationStrategies: operation is missing or no text"};
    auto rule = rule_of(name->get<std::string>(), sampling_rate(entry));
    if (rule && strategy.operations.size() < kMostOperations) strategy.operations.push_back(std::move(*rule));
  }
}

bool is_type(const Json* type, const char* name, int number) {
  if (!type) return number == 0;
  if (type->is_string()) return *type == name;
  if (type->is_number_integer()) return *type == number;
  throw BadAnswer{"strategyType is neither text nor number"};
}

RemoteStrategy read_strategy(const Json& answer) {
  RemoteStrategy strategy;
  if (const Json* operations = member(answer, "operationSampling")) {
    if (!operations->is_object()) throw BadAnswer{"operationSampling is no object"};
    read_operations(*operations, strategy);
    return strategy;
  }
  const Json* type = member(answer, "strategyType");
  if (is_type(type, "PROBABILISTIC", 0)) {
    strategy.ratio = sampling_rate(answer);
  } else if (is_type(type, "RATE_LIMITING", 1)) {
    const double most = number(object(answer, "rateLimitingSampling"), "maxTracesPerSecond", kMostPerSecond);
    strategy.ratio = most > 0 ? 1 : 0;
    strategy.max_per_second = most;
  } else {
    throw BadAnswer{"strategyType is none that weft knows"};
  }
  return strategy;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

HttpClientOptions client_options() {
  HttpClientOptions options;
  options.timeout = std::chrono::seconds(5);
  options.connect_timeout = std::chrono::seconds(2);
  return options;
}

}  // namespace

Result<RemoteStrategy> parse_remote_strategy(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, false);
  if (!answer.is_object()) return fail("the answer is no JSON object");
  try {
    return read_strategy(answer);
  } catch (const BadAnswer& bad) {
    return fail(bad.reason);
  }
}

std::string remote_sampling_url(const std::string& endpoint) {
  const std::size_t authority = endpoint.find("://");
  const std::size_t path = endpoint.find('/', authority == std::string::npos ? 0 : authority + 3);
  if (path == std::string::npos) return endpoint + "/sampling";
  return path + 1 == endpoint.size() ? endpoint + "sampling" : endpoint;
}

RemoteSampling::RemoteSampling(const JaegerRemoteOptions& options, SamplingController& controller, const Clock& clock)
    : options_(options), controller_(controller), clock_(clock), url_(remote_sampling_url(options.endpoint)) {}

Result<std::unique_ptr<RemoteSampling>> RemoteSampling::start(const JaegerRemoteOptions& options,
                                                              SamplingController& controller, const Clock& clock) {
  std::unique_ptr<RemoteSampling> remote(new RemoteSampling(options, controller, clock));
  auto client = HttpClient::create(remote->url_, client_options());
  if (!client) return fail("sampling.jaeger_remote.endpoint: " + client.error().message);
  remote->client_ = std::move(*client);
  const SignalsBlocked for_the_thread;
  remote->thread_ = std::thread([self = remote.get()] { self->run(); });
  return remote;
}

RemoteSampling::~RemoteSampling() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (client_) client_->cancel();
  if (thread_.joinable()) thread_.join();
}

RemoteSamplingState RemoteSampling::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

// All services once in each interval; one that is new, soon.
void RemoteSampling::run() {
  using Steady = std::chrono::steady_clock;
  std::set<std::string> asked;
  auto round = Steady::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (Steady::now() >= round) {
      asked.clear();
      round = Steady::now() + options_.interval;
    }
    lock.unlock();
    for (const auto& service : controller_.services()) {
      if (asked.contains(service)) continue;
      asked.insert(service);
      if (ask(service)) continue;
      for (const auto& other : controller_.services()) asked.insert(other);
      break;
    }
    lock.lock();
    const auto pause =
        std::min<Steady::duration>(kNewServiceWait, std::max(round - Steady::now(), Steady::duration(0)));
    wake_.wait_for(lock, pause, [this] { return stopping_; });
  }
}

bool RemoteSampling::ask(const std::string& service) {
  const char separator = url_.find('?') == std::string::npos ? '?' : '&';
  const HttpResponse answer = client_->get(url_ + separator + "service=" + escaped(service));
  if (answer.error == "cancelled") return false;
  if (!answer.error.empty()) return failed(fmt::format("{}: {}", url_, answer.detail)), false;
  if (answer.status != 200) return failed(fmt::format("{}: status {} for {}", url_, answer.status, service)), true;
  if (!answer.whole) return failed(fmt::format("{}: the answer for {} is too long", url_, service)), true;
  auto strategy = parse_remote_strategy(answer.body);
  if (!strategy) return failed(fmt::format("{}: for {}: {}", url_, service, strategy.error().message)), true;
  if (auto done = controller_.set_remote(service, std::move(*strategy)); !done)
    return failed(done.error().message), true;
  const std::lock_guard lock(mutex_);
  state_.answers++;
  state_.last_answer_unix_ns = clock_.unix_ns();
  state_.last_error.clear();
  return true;
}

void RemoteSampling::failed(const std::string& why) {
  const std::lock_guard lock(mutex_);
  state_.failures++;
  if (why == state_.last_error) return;
  state_.last_error = why;
  spdlog::warn("sampling.jaeger_remote: {}; what was known holds on", why);
}

}  // namespace weft
