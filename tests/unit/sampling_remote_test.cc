// SPDX-License-Identifier: Apache-2.0
// The sampling server's answers, good and bad, and servers that misbehave.
#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "sampling/remote.h"
#include "support/raw_server.h"

namespace weft {
namespace {

using test::RawRequest;
using test::RawServer;

TEST_CASE("sampling server: answers that are understood") {
  const auto half =
      parse_remote_strategy(R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}})");
  REQUIRE(half);
  CHECK(half->ratio == 0.5);
  CHECK(half->max_per_second == 0);
  const auto numbered = parse_remote_strategy(R"({"strategyType":0,"probabilisticSampling":{}})");
  REQUIRE(numbered);
  CHECK(numbered->ratio == 0);
  const auto slow =
      parse_remote_strategy(R"({"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":2}})");
  REQUIRE(slow);
  CHECK(slow->ratio == 1);
  CHECK(slow->max_per_second == 2);
  const auto none = parse_remote_strategy(R"({"strategyType":1,"rateLimitingSampling":{"maxTracesPerSecond":0}})");
  REQUIRE(none);
  CHECK(none->ratio == 0);
  const auto operations = parse_remote_strategy(R"({"strategyType":"PROBABILISTIC","operationSampling":{
      "defaultSamplingProbability":0.2,"defaultLowerBoundTracesPerSecond":0.1,"perOperationStrategies":[
      {"operation":"GET /users/{id}","probabilisticSampling":{"samplingRate":0.9}},
      {"operation":"/health","probabilisticSampling":{"samplingRate":0}},
      {"operation":"no route","probabilisticSampling":{"samplingRate":1}}]}})");
  REQUIRE(operations);
  CHECK(operations->ratio == 0.2);
  CHECK(operations->min_per_second == 0.1);
  CHECK(operations->operations ==
        std::vector<PlannedRule>{{"GET", "/users/{id}", 0.9, "jaeger_remote"}, {"", "/health", 0, "jaeger_remote"}});
}

TEST_CASE("sampling server: answers that are refused whole") {
  for (
      const char* bad :
      {"",
       "null",
       "[]",
       "\"x\"",
       "{",
       "not json",
       "{}",
       R"({"strategyType":"PROBABILISTIC"})",
       R"({"strategyType":"OTHER","probabilisticSampling":{"samplingRate":0.5}})",
       R"({"strategyType":true,"probabilisticSampling":{"samplingRate":0.5}})",
       R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":-0.5}})",
       R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1.5}})",
       R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":"0.5"}})",
       R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1e999}})",
       R"({"strategyType":"PROBABILISTIC","probabilisticSampling":[0.5]})",
       R"({"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":-1}})",
       R"({"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":1e12}})",
       R"({"strategyType":"RATE_LIMITING"})",
       R"({"operationSampling":[]})",
       R"({"operationSampling":{"defaultSamplingProbability":2}})",
       R"({"operationSampling":{"defaultSamplingProbability":0.5,"perOperationStrategies":{}}})",
       R"({"operationSampling":{"defaultSamplingProbability":0.5,"perOperationStrategies":[7]}})",
       R"({"operationSampling":{"defaultSamplingProbability":0.5,"perOperationStrategies":[{"operation":1}]}})",
       R"({"operationSampling":{"perOperationStrategies":[{"operation":"/a","probabilisticSampling":{"samplingRate":-1}}]}})"})
    CHECK_MESSAGE(!parse_remote_strategy(bad), bad);
}

TEST_CASE("sampling server: where it is asked") {
  CHECK(remote_sampling_url("http://jaeger:5778") == "http://jaeger:5778/sampling");
  CHECK(remote_sampling_url("http://jaeger:5778/") == "http://jaeger:5778/sampling");
  CHECK(remote_sampling_url("http://proxy/jaeger/sampling") == "http://proxy/jaeger/sampling");
}

struct Asked {
  explicit Asked(RawServer::Behaviour behaviour) : server(std::move(behaviour)) {
    REQUIRE(controller.configure({.sampler = "jaeger_remote", .ratio = 0.125, .remote = true}));
    controller.number_of("orders & co");
    auto started =
        RemoteSampling::start({.endpoint = server.url(), .interval = std::chrono::hours(1)}, controller, clock);
    REQUIRE_MESSAGE(started, started.error().message);
    remote = std::move(*started);
  }
  // Until the first question is answered, well or badly.
  RemoteSamplingState wait() {
    while (remote->state().answers + remote->state().failures == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return remote->state();
  }
  double ratio() { return controller.view().services.at(0).plan.ratio; }

  SystemClock clock;
  RawServer server;
  SamplingController controller{[](const sampling_table&) -> Result<void> { return {}; }};
  std::unique_ptr<RemoteSampling> remote;
};

RawServer::Behaviour answering(std::string status, std::string body) {
  return [=](RawServer& server, int fd, const RawRequest&) { return server.answer(fd, status, "", body); };
}

TEST_CASE("sampling server: a good answer counts") {
  Asked asked(answering("200 OK", R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.75}})"));
  CHECK(asked.wait().answers == 1);
  CHECK(asked.ratio() == 0.75);
  CHECK(asked.remote->state().last_answer_unix_ns > 0);
}

TEST_CASE("sampling server: whatever else it does changes nothing") {
  const std::string good = R"({"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.75}})";
  for (const auto& [what, behaviour] : std::initializer_list<std::pair<const char*, RawServer::Behaviour>>{
           {"500", answering("500 Oops", good)},
           {"204", answering("204 No Content", "")},
           {"garbage", answering("200 OK", "\x01\x02 garbage")},
           {"negative", answering("200 OK", R"({"probabilisticSampling":{"samplingRate":-1}})")},
           {"huge", answering("200 OK", good + std::string(1 << 20, ' '))},
           {"closes", [](RawServer&, int, const RawRequest&) { return false; }},
       }) {
    CAPTURE(what);
    Asked asked(behaviour);
    const auto state = asked.wait();
    CHECK(state.failures == 1);
    CHECK_FALSE(state.last_error.empty());
    CHECK(asked.ratio() == 0.125);
  }
}

TEST_CASE("sampling server: one that never answers holds nobody up") {
  Asked asked([](RawServer& server, int fd, const RawRequest&) { return server.hang(fd); });
  CHECK(asked.ratio() == 0.125);
  asked.remote.reset();  // ends at once, not after a time-out
}

}  // namespace
}  // namespace weft
