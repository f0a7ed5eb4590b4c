// SPDX-License-Identifier: Apache-2.0
#include "control/config_keys.h"

#include <fmt/format.h>

#include <bit>

#include "control/config_values.h"

namespace weft::config {
namespace {

using namespace std::chrono_literals;

template <class T>
Key<T> scalar(std::string_view path, std::function<void(T&, const std::string&)> set) {
  return {.path = std::string(path), .set = std::move(set)};
}

template <class T>
Key<T> list(std::string_view path, std::function<void(T&)> clear, std::function<void(T&, const std::string&)> add) {
  return {.path = std::string(path), .clear = std::move(clear), .add = std::move(add)};
}

// Specified, but a later version brings it: only its default is accepted.
Key<Config> later(std::string_view path, std::string default_text) {
  return scalar<Config>(path, [default_text = std::move(default_text)](Config&, const std::string& text) {
    if (text == default_text) return;
    throw BadValue{fmt::format("'{}' is not in this version (only {})", text,
                               default_text.empty() ? "the empty string" : default_text)};
  });
}

ContextFormat parse_propagator(const std::string& text) {
  using enum ContextFormat;
  return choose<ContextFormat>(text, {{"tracecontext", tracecontext},
                                      {"baggage", baggage},
                                      {"b3", b3},
                                      {"b3multi", b3multi},
                                      {"jaeger", jaeger},
                                      {"xtraceid", xtraceid}});
}

// A set of few values in the order given; a value that is there twice is a slip.
template <class Value>
void add_once(std::vector<Value>& values, Value value, const std::string& text) {
  for (const Value& known : values) {
    if (known == value) throw BadValue{fmt::format("'{}' is listed twice", text)};
  }
  values.push_back(std::move(value));
}

void set_destinations(DestinationSet& set, const std::string& text) {
  using Kind = DestinationSet::Kind;
  set = {choose<Kind>(text, {{"any", Kind::any}, {"private", Kind::private_only}, {"none", Kind::none}}), {}};
}

Key<Config> destinations(std::string_view path, DestinationSet PropagationConfig::* set) {
  Key<Config> key;
  key.path = path;
  key.set = [set](Config& c, const std::string& text) { set_destinations(c.propagation.*set, text); };
  key.clear = [set](Config& c) { c.propagation.*set = {DestinationSet::Kind::list, {}}; };
  key.add = [set](Config& c, const std::string& text) { (c.propagation.*set).cidrs.push_back(parse_cidr(text)); };
  return key;
}

Key<Config> propagators(std::string_view path, std::vector<ContextFormat> PropagationConfig::* which) {
  return list<Config>(
      path, [which](Config& c) { (c.propagation.*which).clear(); },
      [which](Config& c, const std::string& text) { add_once(c.propagation.*which, parse_propagator(text), text); });
}

void append(KeyTable<Config>& table, KeyTable<Config> more) {
  for (auto& key : more) table.push_back(std::move(key));
}

KeyTable<Config> process_side_keys() {
  KeyTable<Config> keys = {
      scalar<Config>("discovery.exclude_otel_instrumented",
                     [](Config& c, const std::string& v) { c.discovery.exclude_otel_instrumented = parse_bool(v); }),
      scalar<Config>("discovery.poll_interval",
                     [](Config& c, const std::string& v) {
                       c.discovery.poll_interval_ns = static_cast<std::uint64_t>(parse_duration(v, 100ms, 1h).count());
                     }),
      propagators("propagation.extract", &PropagationConfig::extract),
      propagators("propagation.inject", &PropagationConfig::inject),
      list<Config>(
          "propagation.protocols", [](Config& c) { c.propagation.protocols.clear(); },
          [](Config& c, const std::string& v) {
            using enum Protocol;
            const auto protocol =
                choose<Protocol>(v, {{"http", http}, {"grpc", grpc}, {"kafka", kafka}, {"amqp", amqp}});
            add_once(c.propagation.protocols, protocol, v);
          }),
      scalar<Config>("propagation.orphans",
                     [](Config& c, const std::string& v) {
                       c.discovery.orphans_root = choose<bool>(v, {{"root", true}, {"none", false}});
                     }),
      destinations("propagation.destinations.context", &PropagationConfig::context_destinations),
      destinations("propagation.destinations.baggage", &PropagationConfig::baggage_destinations),
      list<Config>(
          "propagation.never_enrol", [](Config& c) { c.discovery.never_enrol.clear(); },
          [](Config& c, const std::string& v) { c.discovery.never_enrol.push_back(v); }),
      scalar<Config>("propagation.response_header",
                     [](Config& c, const std::string& v) {
                       c.propagation.response_header =
                           choose<AnswerHeaders>(v, {{"off", {}},
                                                     {"x-trace-id", {.x_trace_id = true}},
                                                     {"traceresponse", {.traceresponse = true}},
                                                     {"both", {.x_trace_id = true, .traceresponse = true}}});
                     }),
      scalar<Config>("propagation.trust_incoming",
                     [](Config& c, const std::string& v) { c.propagation.trust_incoming = parse_bool(v); }),
  };
  return keys;
}

KeyTable<Config> policy_keys() {
  return {
      // A map is a policy written out here: config_yaml.cc.
      scalar<Config>("baggage.policy",
                     [](Config& c, const std::string& v) {
                       c.baggage.policy_file = parse_absolute_path(v);
                       c.baggage.policy_named = true;
                       c.baggage.policy.reset();
                     }),
      scalar<Config>("baggage.max_members",
                     [](Config& c, const std::string& v) {
                       c.baggage.max_members = static_cast<std::uint32_t>(parse_integer(v, 1, 64));
                     }),
      scalar<Config>("baggage.max_bytes",
                     [](Config& c, const std::string& v) {
                       c.baggage.max_bytes = static_cast<std::uint32_t>(parse_size(v, 64, 8192));
                     }),
  };
}

KeyTable<Config> span_keys() {
  return {
      list<Config>(
          "routes.patterns", [](Config& c) { c.routes.patterns.clear(); },
          [](Config& c, const std::string& v) { c.routes.patterns.push_back(parse_absolute_path(v)); }),
      scalar<Config>("routes.unmatched",
                     [](Config& c, const std::string& v) {
                       using enum RoutesConfig::Unmatched;
                       c.routes.unmatched = choose<RoutesConfig::Unmatched>(
                           v, {{"heuristic", heuristic}, {"path", path}, {"wildcard", wildcard}});
                     }),
      list<Config>(
          "routes.ignored", [](Config& c) { c.routes.ignored.clear(); },
          [](Config& c, const std::string& v) { c.routes.ignored.push_back(parse_absolute_path(v)); }),
      list<Config>(
          "spans.baggage_attributes", [](Config& c) { c.spans.baggage_attributes.clear(); },
          [](Config& c, const std::string& v) { add_once(c.spans.baggage_attributes, v, v); }),
      list<Config>(
          "capture.headers", [](Config& c) { c.capture.headers.clear(); },
          [](Config& c, const std::string& v) { c.capture.headers.push_back(parse_header_name(v)); }),
      scalar<Config>("capture.header_bytes",
                     [](Config& c, const std::string& v) {
                       c.capture.header_bytes = static_cast<std::uint32_t>(parse_size(v, 256, 4096));
                     }),
      scalar<Config>("capture.ring_bytes",
                     [](Config& c, const std::string& v) {
                       const auto bytes = parse_size(v, 64u << 10, 1u << 30);
                       if (!std::has_single_bit(bytes)) throw BadValue{fmt::format("{} is no power of two", v)};
                       c.capture.ring_bytes = static_cast<std::uint32_t>(bytes);
                     }),
      scalar<Config>("capture.max_connections",
                     [](Config& c, const std::string& v) {
                       c.capture.max_connections = static_cast<std::uint32_t>(parse_integer(v, 64, 4u << 20));
                     }),
      scalar<Config>("capture.hook",
                     [](Config& c, const std::string& v) {
                       using enum CaptureHook;
                       c.capture.hook = choose<CaptureHook>(
                           v, {{"auto", automatic}, {"tp_btf", tp_btf}, {"fentry", fentry}, {"kprobe", kprobe}});
                     }),
      scalar<Config>("capture.openssl", [](Config& c, const std::string& v) { c.capture.openssl = parse_bool(v); }),
      scalar<Config>("capture.idle_timeout",
                     [](Config& c, const std::string& v) { c.capture.idle_timeout = parse_duration(v, 1s, 24h); }),
  };
}

KeyTable<Config> agent_keys() {
  return {
      scalar<Config>("exporters.console.format",
                     [](Config& c, const std::string& v) {
                       using enum ConsoleFormat;
                       c.exporters.console = choose<ConsoleFormat>(v, {{"off", off}, {"tree", tree}, {"json", json}});
                     }),
      scalar<Config>("exporters.prometheus.listen",
                     [](Config& c, const std::string& v) { c.exporters.prometheus.listen = parse_listen(v); }),
      scalar<Config>("exporters.prometheus.path",
                     [](Config& c, const std::string& v) { c.exporters.prometheus.path = parse_absolute_path(v); }),
      later("exporters.prometheus.remote_write", ""),
      scalar<Config>("store.traces",
                     [](Config& c, const std::string& v) { c.store.traces = parse_integer(v, 1, 1'000'000); }),
      scalar<Config>("store.bytes",
                     [](Config& c, const std::string& v) { c.store.bytes = parse_size(v, 64u << 10, 4ull << 30); }),
      scalar<Config>("control.socket",
                     [](Config& c, const std::string& v) {
                       constexpr std::size_t kMost = 90;  // sun_path has 108, the socket is made under a longer name
                       c.control.socket = parse_absolute_path(v);
                       if (v.size() > kMost) throw BadValue{fmt::format("the path is longer than {} bytes", kMost)};
                     }),
      later("page.listen", "off"),
      scalar<Config>("log.level",
                     [](Config& c, const std::string& v) {
                       using enum LogLevel;
                       c.log.level = choose<LogLevel>(
                           v, {{"trace", trace}, {"debug", debug}, {"info", info}, {"warn", warn}, {"error", error}});
                     }),
      scalar<Config>("log.format",
                     [](Config& c, const std::string& v) {
                       c.log.format = choose<LogFormat>(v, {{"text", LogFormat::text}, {"json", LogFormat::json}});
                     }),
      scalar<Config>("shutdown_timeout",
                     [](Config& c, const std::string& v) { c.shutdown_timeout = parse_duration(v, 0ms, 10min); }),
  };
}

}  // namespace

const KeyTable<Config>& config_keys() {
  static const KeyTable<Config> keys = [] {
    KeyTable<Config> all = process_side_keys();
    append(all, policy_keys());
    append(all, sampling_keys());
    append(all, kafka_keys());
    append(all, span_keys());
    append(all, agent_keys());
    return all;
  }();
  return keys;
}

}  // namespace weft::config
