// SPDX-License-Identifier: Apache-2.0
// sampling.*: keys, and what no single key can say.
#include <fmt/format.h>

#include <charconv>

#include "control/config_keys.h"
#include "control/config_values.h"
#include "sampling/pattern.h"

namespace weft::config {
namespace {

using namespace std::chrono_literals;

Key<Config> one(std::string path, std::function<void(SamplingOptions&, const std::string&)> set) {
  return {.path = "sampling." + std::move(path),
          .set = [set = std::move(set)](Config& c, const std::string& v) { set(c.sampling, v); }};
}

Key<Config> many(std::string path, std::function<void(SamplingOptions&)> clear,
                 std::function<void(SamplingOptions&, const std::string&)> add) {
  return {.path = "sampling." + std::move(path),
          .clear = [clear = std::move(clear)](Config& c) { clear(c.sampling); },
          .add = [add = std::move(add)](Config& c, const std::string& v) { add(c.sampling, v); }};
}

struct Sampler {
  bool parent_based, remote;
};

void set_sampler(SamplingOptions& s, const std::string& text) {
  const auto sampler = choose<Sampler>(text, {{"parentbased_traceidratio", {true, false}},
                                              {"parentbased_always_on", {true, false}},
                                              {"parentbased_always_off", {true, false}},
                                              {"parentbased_jaeger_remote", {true, true}},
                                              {"traceidratio", {false, false}},
                                              {"always_on", {false, false}},
                                              {"always_off", {false, false}},
                                              {"jaeger_remote", {false, true}}});
  s.parent_based = sampler.parent_based;
  s.remote = sampler.remote;
  s.sampler = text;
}

// A ratio, or OpenTelemetry's argument of jaeger_remote:
// "endpoint=http://localhost:5778,pollingIntervalMs=5000,initialSamplingRate=0.25".
void set_argument(SamplingOptions& s, const std::string& text) {
  if (text.find('=') == std::string::npos) {
    s.ratio = parse_ratio(text);
    return;
  }
  for (const auto& [name, value] : parse_pairs(text)) {
    if (name == "endpoint")
      s.jaeger_remote.endpoint = parse_url(value);
    else if (name == "pollingIntervalMs")
      s.jaeger_remote.interval = parse_duration(value + "ms", 1s, 24h);
    else if (name == "initialSamplingRate")
      s.ratio = parse_ratio(value);
    else
      throw BadValue{fmt::format("'{}' is not one of endpoint, pollingIntervalMs, initialSamplingRate", name)};
  }
}

int status_code(std::string_view text) {
  int code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  return error == std::errc() && end == text.data() + text.size() && code >= 100 && code <= 599 ? code : 0;
}

// "503", "500-599", "5xx"
KeepOptions::StatusRange parse_status(const std::string& text) {
  if (text.size() == 3 && text.ends_with("xx") && text[0] >= '1' && text[0] <= '5') {
    const int first = (text[0] - '0') * 100;
    return {first, first + 99};
  }
  const auto dash = text.find('-');
  const int first = status_code(std::string_view(text).substr(0, dash));
  const int last = dash == std::string::npos ? first : status_code(std::string_view(text).substr(dash + 1));
  if (first == 0 || last < first) throw BadValue{fmt::format("'{}' is no status (such as 503, 500-599 or 5xx)", text)};
  return {first, last};
}

std::string parse_glob(const std::string& text) {
  if (text.empty()) throw BadValue{"the value is empty"};
  return text;
}

Key<SamplingRule> of_rule(std::string path, std::function<void(SamplingRule&, const std::string&)> set) {
  return {.path = std::move(path), .set = std::move(set)};
}

void check(const std::string& problem, const std::string& text) {
  if (!problem.empty()) throw BadValue{fmt::format("'{}': {}", text, problem)};
}

}  // namespace

const KeyTable<SamplingRule>& sampling_rule_keys() {
  static const KeyTable<SamplingRule> keys = {
      of_rule("service", [](SamplingRule& r, const std::string& v) { r.service = parse_glob(v); }),
      of_rule("path",
              [](SamplingRule& r, const std::string& v) {
                check(v.empty() ? "the value is empty" : problem_of_path(v), v);
                r.path = v;
              }),
      of_rule("method",
              [](SamplingRule& r, const std::string& v) {
                check(v.empty() ? "the value is empty" : problem_of_method(v), v);
                r.method = v;
              }),
      of_rule("ratio", [](SamplingRule& r, const std::string& v) { r.ratio = parse_ratio(v); }),
      {.path = "rpc_method", .later = true},
      {.path = "topic", .later = true},
  };
  return keys;
}

KeyTable<Config> sampling_keys() {
  return {
      one("sampler", set_sampler),
      one("arg", set_argument),
      one("write_threshold", [](SamplingOptions& s, const std::string& v) { s.write_threshold = parse_bool(v); }),
      many(
          "keep.services", [](SamplingOptions& s) { s.keep.services.clear(); },
          [](SamplingOptions& s, const std::string& v) { s.keep.services.push_back(parse_glob(v)); }),
      one("keep.errors", [](SamplingOptions& s, const std::string& v) { s.keep.errors = parse_bool(v); }),
      one("keep.slower_than",
          [](SamplingOptions& s, const std::string& v) { s.keep.slower_than = parse_duration(v, 0s, 1h); }),
      one("keep.slower_than_p99",
          [](SamplingOptions& s, const std::string& v) { s.keep.slower_than_p99 = parse_bool(v); }),
      many(
          "keep.status", [](SamplingOptions& s) { s.keep.status.clear(); },
          [](SamplingOptions& s, const std::string& v) { s.keep.status.push_back(parse_status(v)); }),
      one("keep.max_per_second",
          [](SamplingOptions& s, const std::string& v) {
            s.keep.max_per_second = static_cast<std::uint32_t>(parse_integer(v, 0, 1'000'000));
          }),
      one("adaptive.max_ratio",
          [](SamplingOptions& s, const std::string& v) { s.adaptive.max_ratio = parse_ratio(v); }),
      one("adaptive.error_ratio",
          [](SamplingOptions& s, const std::string& v) { s.adaptive.error_ratio = parse_ratio(v); }),
      one("adaptive.slower_than",
          [](SamplingOptions& s, const std::string& v) { s.adaptive.slower_than = parse_duration(v, 0s, 1h); }),
      one("adaptive.interval",
          [](SamplingOptions& s, const std::string& v) { s.adaptive.interval = parse_duration(v, 1s, 1h); }),
      one("adaptive.min_requests",
          [](SamplingOptions& s, const std::string& v) {
            s.adaptive.min_requests = static_cast<std::uint32_t>(parse_integer(v, 1, 1'000'000));
          }),
      one("jaeger_remote.endpoint",
          [](SamplingOptions& s, const std::string& v) { s.jaeger_remote.endpoint = parse_url(v); }),
      one("jaeger_remote.interval",
          [](SamplingOptions& s, const std::string& v) { s.jaeger_remote.interval = parse_duration(v, 1s, 24h); }),
  };
}

void finish_sampling(SamplingOptions& s) {
  if (s.sampler.ends_with("always_on")) s.ratio = 1;
  if (s.sampler.ends_with("always_off")) s.ratio = 0;
  if (s.remote && s.jaeger_remote.endpoint.empty())
    throw BadValue{fmt::format("sampling.sampler: {} needs sampling.jaeger_remote.endpoint", s.sampler)};
  if (!s.remote && !s.jaeger_remote.endpoint.empty())
    throw BadValue{
        fmt::format("sampling.jaeger_remote.endpoint: nothing asks it while sampling.sampler is {}", s.sampler)};
  if (s.keep.any_rule() && s.keep.services.empty())
    throw BadValue{"sampling.keep: services is empty; name those whose requests are looked at, or \"*\""};
  if (!s.keep.any_rule() && !s.keep.services.empty())
    throw BadValue{"sampling.keep: services, but nothing to keep (errors, slower_than, slower_than_p99 or status)"};
  if (s.adaptive.enabled() && s.adaptive.error_ratio == 0 && s.adaptive.slower_than.count() == 0)
    throw BadValue{"sampling.adaptive: neither error_ratio nor slower_than, the ratio would never rise"};
}

}  // namespace weft::config
