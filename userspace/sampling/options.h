// SPDX-License-Identifier: Apache-2.0
// What the configuration says about sampling (docs/sampling.md), as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace weft {

// For traces that begin here; the first rule that holds decides. Empty conditions hold always.
struct SamplingRule {
  std::string service;  // exact or glob
  std::string path;     // "/orders", "/orders/*" (any rest), "/users/{id}/orders" ({…} or * = one segment)
  std::string method;
  double ratio = 1;
};

// Head-sampled or kept: which traces are kept although their head was not sampled.
struct KeepOptions {
  std::vector<std::string> services;  // exact or glob; these report every request in full
  bool errors = false;
  std::chrono::nanoseconds slower_than{0};  // 0 = off
  bool slower_than_p99 = false;             // of the request's route, over the last minute
  struct StatusRange {
    int first = 0, last = 0;
  };
  std::vector<StatusRange> status;   // HTTP status codes
  std::uint32_t max_per_second = 0;  // traces; 0 = no limit

  bool any_rule() const { return errors || slower_than.count() > 0 || slower_than_p99 || !status.empty(); }
};

// A route's ratio rises while the route shows errors or is slow.
struct AdaptiveOptions {
  double max_ratio = 0;                     // how far at most; 0 = off
  double error_ratio = 0.05;                // at least this share of its requests fails …
  std::chrono::nanoseconds slower_than{0};  // … or its P99 is above this; 0 = off
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  std::uint32_t min_requests = 20;  // in the last minute, before anything is concluded

  bool enabled() const { return max_ratio > 0; }
};

struct JaegerRemoteOptions {
  std::string endpoint;  // http://host:5778; "/sampling" is added when it names no path
  std::chrono::nanoseconds interval = std::chrono::seconds(60);
};

struct SamplingOptions {
  std::string sampler = "parentbased_traceidratio";
  double ratio = 1;          // of what no rule names: sampling.arg, or what always_on and always_off mean
  bool parent_based = true;  // the caller's decision is taken over
  bool remote = false;       // (parentbased_)jaeger_remote; `ratio` until an answer came
  std::vector<SamplingRule> rules;
  bool write_threshold = false;  // of new traces, as `ot=th:…` in tracestate
  KeepOptions keep;
  AdaptiveOptions adaptive;
  JaegerRemoteOptions jaeger_remote;
};

bool operator==(const SamplingRule& a, const SamplingRule& b);
// What an API override replaces: sampler, ratio and rules.
bool same_ratios(const SamplingOptions& a, const SamplingOptions& b);

}  // namespace weft
