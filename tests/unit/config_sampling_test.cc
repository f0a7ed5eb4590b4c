// SPDX-License-Identifier: Apache-2.0
// sampling.*: what is accepted, what is refused, and the exact words.
#include <doctest/doctest.h>

#include "unit/config_text.h"

using namespace weft;
using namespace weft::test;
using namespace std::chrono_literals;

TEST_CASE("config: sampling") {
  const Config config = good(R"(
sampling:
  sampler: parentbased_jaeger_remote
  arg: 0.25
  write_threshold: true
  rules:
    - {service: "pay-*", path: "/users/{id}/cards*", method: POST, ratio: 0.5}
    - {ratio: 0}
  keep: {services: ["*"], errors: true, slower_than: 500ms, slower_than_p99: true, status: [404, 5xx, 200-204], max_per_second: 10}
  adaptive: {max_ratio: 0.5, error_ratio: 0.1, slower_than: 1s, interval: 5s, min_requests: 50}
  jaeger_remote: {endpoint: "http://jaeger:5778", interval: 30s}
)");
  const SamplingOptions& sampling = config.sampling;
  CHECK(sampling.parent_based);
  CHECK(sampling.remote);
  CHECK(sampling.ratio == 0.25);
  CHECK(sampling.write_threshold);
  CHECK_FALSE(good("").sampling.write_threshold);
  CHECK(sampling.rules == std::vector<SamplingRule>{{"pay-*", "/users/{id}/cards*", "POST", 0.5}, {"", "", "", 0}});
  CHECK(sampling.keep.slower_than == 500ms);
  REQUIRE(sampling.keep.status.size() == 3);
  CHECK(sampling.keep.status[1].last == 599);
  CHECK(sampling.keep.status[2].first == 200);
  CHECK(sampling.keep.max_per_second == 10);
  CHECK(sampling.adaptive.max_ratio == 0.5);
  CHECK(sampling.adaptive.min_requests == 50);
  CHECK(sampling.jaeger_remote.interval == 30s);
  CHECK(good("sampling: {sampler: always_off, arg: 0.5}").sampling.ratio == 0);
  CHECK(good("sampling: {sampler: parentbased_always_on, arg: 0.5}").sampling.ratio == 1);
  CHECK_FALSE(good("sampling: {sampler: traceidratio, arg: 0.5}").sampling.parent_based);
}

TEST_CASE("config: sampling that cannot be meant") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : {
           Case{"sampling: {arg: 1.5}\n", "weft.yaml:1:17: sampling.arg: 1.5 is not between 0 and 1"},
           Case{"sampling: {rules: {ratio: 1}}\n", "weft.yaml:1:19: sampling.rules: expected a list of rules"},
           Case{"sampling: {rules: [{path: /a}]}\n", "weft.yaml:1:20: sampling rule: no ratio"},
           Case{"sampling: {rules: [{paths: /a, ratio: 1}]}\n", "weft.yaml:1:21: unknown key 'sampling rule.paths'"},
           Case{"sampling: {rules: [{path: a, ratio: 1}]}\n",
                "weft.yaml:1:27: sampling rule.path: 'a': a path begins with / (or is * for any)"},
           Case{
               "sampling: {rules: [{path: /a*b, ratio: 1}]}\n",
               "weft.yaml:1:27: sampling rule.path: '/a*b': * stands for a whole segment or, at the end, for any rest"},
           Case{"sampling: {rules: [{method: get, ratio: 1}]}\n",
                "weft.yaml:1:29: sampling rule.method: 'get': a method is written in capitals, as GET"},
           Case{"sampling: {rules: [{ratio: -1}]}\n", "weft.yaml:1:28: sampling rule.ratio: -1 is not between 0 and 1"},
           Case{"sampling: {keep: {status: [9]}}\n",
                "weft.yaml:1:28: sampling.keep.status: '9' is no status (such as 503, 500-599 or 5xx)"},
           Case{"sampling: {sampler: sometimes}\n",
                "weft.yaml:1:21: sampling.sampler: 'sometimes' is not one of parentbased_traceidratio, "
                "parentbased_always_on, parentbased_always_off, parentbased_jaeger_remote, traceidratio, always_on, "
                "always_off, jaeger_remote"},
           Case{"sampling: {sampler: jaeger_remote}\n",
                "sampling.sampler: jaeger_remote needs sampling.jaeger_remote.endpoint"},
           Case{"sampling: {jaeger_remote: {endpoint: 'http://j'}}\n",
                "sampling.jaeger_remote.endpoint: nothing asks it while sampling.sampler is parentbased_traceidratio"},
           Case{"sampling: {keep: {errors: true}}\n",
                "sampling.keep: services is empty; name those whose requests are looked at, or \"*\""},
           Case{"sampling: {keep: {services: [a]}}\n",
                "sampling.keep: services, but nothing to keep (errors, slower_than, slower_than_p99 or status)"},
           Case{"sampling: {adaptive: {max_ratio: 1, error_ratio: 0}}\n",
                "sampling.adaptive: neither error_ratio nor slower_than, the ratio would never rise"},
       }) {
    CAPTURE(c.text);
    CHECK(error(c.text) == c.message);
  }
}

TEST_CASE("config: OTEL_TRACES_SAMPLER and its argument") {
  CHECK(good("", {{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", "0.25"}}).sampling.ratio ==
        0.25);
  const auto remote = good("", {{"OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"},
                                {"OTEL_TRACES_SAMPLER_ARG",
                                 "endpoint=http://localhost:5778,pollingIntervalMs=5000,initialSamplingRate=0.5"}})
                          .sampling;
  CHECK(remote.jaeger_remote.endpoint == "http://localhost:5778");
  CHECK(remote.jaeger_remote.interval == 5s);
  CHECK(remote.ratio == 0.5);
}
