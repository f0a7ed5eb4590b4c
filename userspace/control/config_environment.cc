// SPDX-License-Identifier: Apache-2.0
#include "control/config_environment.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/config_keys.h"
#include "control/config_values.h"

namespace weft::config {
namespace {

constexpr const char* kDefaultOtlp = "http://localhost:4318";
constexpr const char* kDefaultZipkin = "http://localhost:9411/api/v2/spans";

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  std::optional<std::string> get(const std::string& name) const {
    auto value = environment_(name);
    if (value && value->empty()) value.reset();
    return value;
  }

  template <class Use>
  void use(const std::string& name, Use use) const {
    const auto value = get(name);
    if (!value) return;
    try {
      use(*value);
    } catch (const BadValue& bad) {
      throw BadValue{fmt::format("{}: {}", name, bad.reason)};
    }
  }

 private:
  const Environment& environment_;
};

template <class T>
T& first(std::vector<T>& list) {
  return list.empty() ? list.emplace_back() : list.front();
}

std::string variable_name(const std::string& prefix, const std::string& path) {
  std::string name = prefix + path;
  for (char& c : name) c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

template <class T, class Target>
void read_scalars(const Variables& variables, const KeyTable<T>& keys, const std::string& prefix, Target target) {
  for (const Key<T>& key : keys) {
    if (key.later) {
      variables.use(variable_name(prefix, key.path), [](const std::string&) { throw BadValue{"not in this version"}; });
    } else if (key.set) {
      variables.use(variable_name(prefix, key.path), [&](const std::string& text) { key.set(target(), text); });
    }
  }
}

const Key<OtlpConfig>& otlp_key(std::string_view path) {
  return *std::find_if(otlp_keys().begin(), otlp_keys().end(), [&](const auto& key) { return key.path == path; });
}

void read_otlp(const Variables& variables, Config& config) {
  struct Binding {
    const char* suffix;
    const char* key;
  };
  // The _TRACES_ form of a variable is the nearer one.
  for (const char* signal : {"", "TRACES_"}) {
    const std::string prefix = std::string("OTEL_EXPORTER_OTLP_") + signal;
    for (const Binding& binding :
         {Binding{"PROTOCOL", "protocol"}, Binding{"COMPRESSION", "compression"}, Binding{"CERTIFICATE", "tls.ca"},
          Binding{"CLIENT_CERTIFICATE", "tls.cert"}, Binding{"CLIENT_KEY", "tls.key"}}) {
      variables.use(prefix + binding.suffix,
                    [&](const std::string& text) { otlp_key(binding.key).set(first(config.exporters.otlp), text); });
    }
    variables.use(prefix + "TIMEOUT", [&](const std::string& text) {  // milliseconds
      otlp_key("timeout").set(first(config.exporters.otlp), text + "ms");
    });
    variables.use(prefix + "HEADERS", [&](const std::string& text) {
      OtlpConfig& otlp = first(config.exporters.otlp);
      otlp.headers.clear();
      for (const auto& [name, value] : parse_pairs(text)) otlp_key("headers").put(otlp, name, value);
    });
  }
  variables.use("OTEL_EXPORTER_OTLP_ENDPOINT",
                [&](const std::string& text) { first(config.exporters.otlp).endpoint = parse_url(text); });
  variables.use("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                [&](const std::string& text) { first(config.exporters.otlp).traces_endpoint = parse_url(text); });
}

// Says which kinds are on; a kind that is named but has no endpoint gets OpenTelemetry's default.
void choose_exporters(const std::string& text, ExportersConfig& exporters) {
  const auto names = split_list(text);
  for (const auto& name : names) {
    choose<int>(name, {{"otlp", 0}, {"zipkin", 0}, {"console", 0}, {"none", 0}});
    if (name == "none" && names.size() > 1) throw BadValue{"'none' stands alone"};
  }
  const auto named = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (!named("otlp"))
    exporters.otlp.clear();
  else if (!first(exporters.otlp).enabled())
    first(exporters.otlp).endpoint = kDefaultOtlp;
  if (!named("zipkin"))
    exporters.zipkin.clear();
  else if (!first(exporters.zipkin).enabled())
    first(exporters.zipkin).endpoint = kDefaultZipkin;
  if (!named("console"))
    exporters.console = ConsoleFormat::off;
  else if (exporters.console == ConsoleFormat::off)
    exporters.console = ConsoleFormat::tree;
}

void read_otel(const Variables& variables, Config& config) {
  const auto key = [&](std::string_view path) -> const Key<Config>& {
    return *std::find_if(config_keys().begin(), config_keys().end(), [&](const auto& k) { return k.path == path; });
  };
  variables.use("OTEL_PROPAGATORS", [&](const std::string& text) {
    auto names = split_list(text);
    if (names == std::vector<std::string>{"none"}) names.clear();
    for (const char* path : {"propagation.extract", "propagation.inject"}) {
      key(path).clear(config);
      for (const auto& name : names) key(path).add(config, name);
    }
  });
  variables.use("OTEL_TRACES_SAMPLER", [&](const std::string& text) { key("sampling.sampler").set(config, text); });
  variables.use("OTEL_TRACES_SAMPLER_ARG", [&](const std::string& text) { key("sampling.arg").set(config, text); });
  variables.use("OTEL_RESOURCE_ATTRIBUTES", [&](const std::string& text) {
    config.resource_attributes = parse_pairs(text);
    for (const char* of_agent : {"service.name", "service.instance.id"}) config.resource_attributes.erase(of_agent);
  });
  read_otlp(variables, config);
  variables.use("OTEL_EXPORTER_ZIPKIN_ENDPOINT",
                [&](const std::string& text) { first(config.exporters.zipkin).endpoint = parse_url(text); });
  variables.use("OTEL_TRACES_EXPORTER", [&](const std::string& text) { choose_exporters(text, config.exporters); });
}

}  // namespace

void read_environment(const Environment& environment, Config& config) {
  const Variables variables(environment);
  read_otel(variables, config);
  read_scalars(variables, config_keys(), "WEFT_", [&]() -> Config& { return config; });
  read_scalars(variables, otlp_keys(), "WEFT_EXPORTERS_OTLP_",
               [&]() -> OtlpConfig& { return first(config.exporters.otlp); });
  read_scalars(variables, zipkin_keys(), "WEFT_EXPORTERS_ZIPKIN_",
               [&]() -> ZipkinConfig& { return first(config.exporters.zipkin); });
}

}  // namespace weft::config
