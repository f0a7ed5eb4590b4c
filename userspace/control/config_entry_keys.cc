// SPDX-License-Identifier: Apache-2.0
// Keys of what may stand several times: process selectors and exporters.
#include <fmt/format.h>

#include "control/config_keys.h"
#include "control/config_values.h"

namespace weft::config {
namespace {

using namespace std::chrono_literals;

Key<InstrumentRule> text_key(std::string path, std::string InstrumentRule::* member) {
  return {.path = std::move(path), .set = [member](InstrumentRule& r, const std::string& v) {
            if (v.empty()) throw BadValue{"the value is empty"};
            r.*member = v;
          }};
}

void add_ports(InstrumentRule& rule, const std::string& text) {
  for (const auto& range : parse_ports(text)) rule.open_ports.push_back(range);
}

void add_language(InstrumentRule& rule, const std::string& text) {
  const auto language = parse_language(text);
  if (!language)
    throw BadValue{fmt::format("'{}' is no language that weft tells apart (go, python, node, java, cpp, …)", text)};
  rule.languages.push_back(*language);
}

void add_languages(InstrumentRule& rule, const std::string& text) {
  for (const auto& name : split_list(text)) add_language(rule, name);
}

Key<OtlpConfig> otlp(std::string path, std::function<void(OtlpConfig&, const std::string&)> set) {
  return {.path = std::move(path), .set = std::move(set)};
}

template <class Exporter>
Key<Exporter> tls(std::string path, std::string TlsConfig::* file) {
  return {.path = std::move(path), .set = [file](Exporter& e, const std::string& v) { e.tls.*file = v; }};
}

void put_header(OtlpConfig& o, const std::string& name, const std::string& value) {
  for (const unsigned char c : value) {
    if ((c < ' ' && c != '\t') || c == 0x7f) throw BadValue{"a header value has a control character"};
  }
  o.headers[parse_header_name(name)] = value;
}

void set_protocol(OtlpConfig&, const std::string& text) {
  if (text == "grpc") throw BadValue{"'grpc' is not in this version (only http/protobuf)"};
  if (text != "http/protobuf") refuse_choice(text, {"http/protobuf"});
}

}  // namespace

const KeyTable<InstrumentRule>& selector_keys() {
  static const KeyTable<InstrumentRule> keys = {
      text_key("exe_path", &InstrumentRule::exe_path),
      text_key("cmd_args", &InstrumentRule::cmd_args),
      {.path = "open_ports",
       .set = add_ports,
       .clear = [](InstrumentRule& r) { r.open_ports.clear(); },
       .add = add_ports},
      {.path = "languages",
       .set = add_languages,
       .clear = [](InstrumentRule& r) { r.languages.clear(); },
       .add = add_language},
      {.path = "target_pids",
       .clear = [](InstrumentRule& r) { r.target_pids.clear(); },
       .add = [](InstrumentRule& r,
                 const std::string& v) { r.target_pids.push_back(static_cast<pid_t>(parse_integer(v, 1, 1u << 22))); }},
      {.path = "containers_only",
       .set = [](InstrumentRule& r, const std::string& v) { r.containers_only = parse_bool(v); }},
      {.path = "k8s_namespace", .later = true},
      {.path = "k8s_pod_name", .later = true},
      {.path = "k8s_deployment_name", .later = true},
      {.path = "k8s_pod_labels", .later = true},
      text_key("name", &InstrumentRule::service_name),
      text_key("namespace", &InstrumentRule::service_namespace),
      text_key("environment", &InstrumentRule::environment),
      {.path = "task",
       .set =
           [](InstrumentRule& r, const std::string& v) {
             r.task = choose<TaskRule>(
                 v, {{"auto", TaskRule::automatic}, {"thread", TaskRule::thread}, {"none", TaskRule::none}});
           }},
  };
  return keys;
}

const KeyTable<OtlpConfig>& otlp_keys() {
  static const KeyTable<OtlpConfig> keys = {
      otlp("endpoint", [](OtlpConfig& o, const std::string& v) { o.endpoint = parse_url(v); }),
      otlp("protocol", set_protocol),
      {.path = "headers", .clear = [](OtlpConfig& o) { o.headers.clear(); }, .put = put_header},
      otlp("compression",
           [](OtlpConfig& o, const std::string& v) { o.gzip = choose<bool>(v, {{"gzip", true}, {"none", false}}); }),
      tls<OtlpConfig>("tls.ca", &TlsConfig::ca),
      tls<OtlpConfig>("tls.cert", &TlsConfig::cert),
      tls<OtlpConfig>("tls.key", &TlsConfig::key),
      otlp("queue", [](OtlpConfig& o, const std::string& v) { o.queue = parse_integer(v, 1, 1'000'000); }),
      otlp("batch", [](OtlpConfig& o, const std::string& v) { o.batch = parse_integer(v, 1, 100'000); }),
      otlp("delay", [](OtlpConfig& o, const std::string& v) { o.delay = parse_duration(v, 0ms, 10min); }),
      otlp("timeout", [](OtlpConfig& o, const std::string& v) { o.timeout = parse_duration(v, 10ms, 10min); }),
  };
  return keys;
}

const KeyTable<ZipkinConfig>& zipkin_keys() {
  static const KeyTable<ZipkinConfig> keys = {
      {.path = "endpoint", .set = [](ZipkinConfig& z, const std::string& v) { z.endpoint = parse_url(v); }},
      tls<ZipkinConfig>("tls.ca", &TlsConfig::ca),
      tls<ZipkinConfig>("tls.cert", &TlsConfig::cert),
      tls<ZipkinConfig>("tls.key", &TlsConfig::key),
  };
  return keys;
}

}  // namespace weft::config
