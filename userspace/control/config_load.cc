// SPDX-License-Identifier: Apache-2.0
#include "control/config_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>

#include "control/config_environment.h"
#include "control/config_keys.h"
#include "control/config_values.h"
#include "control/config_yaml.h"

namespace weft {
namespace {

using config::BadValue;

void set_key(Config& config, std::string_view path, const std::string& text) {
  const auto& keys = config::config_keys();
  std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.path == path; })->set(config, text);
}

template <class Use>
void flag(const char* name, Use use) {
  try {
    use();
  } catch (const BadValue& bad) {
    throw BadValue{fmt::format("{}: {}", name, bad.reason)};
  }
}

void read_flags(const ConfigFlags& flags, Config& config) {
  std::vector<InstrumentRule> rules;
  for (const pid_t pid : flags.pids) {
    if (pid <= 0) throw BadValue{fmt::format("--pid: {} is no process id", pid)};
    rules.emplace_back().target_pids = {pid};
  }
  for (const auto& glob : flags.executables) {
    if (glob.empty()) throw BadValue{"--exe: the pattern is empty"};
    rules.emplace_back().exe_path = glob;
  }
  for (const auto& ports : flags.ports) {
    flag("--port", [&] { rules.emplace_back().open_ports = config::parse_ports(ports); });
  }
  if (!rules.empty()) config.discovery.instrument = std::move(rules);
  if (flags.console) {
    flag("--console",
         [&] { set_key(config, "exporters.console.format", flags.console->empty() ? "tree" : *flags.console); });
  }
  if (flags.capture) flag("--capture", [&] { set_key(config, "capture.hook", *flags.capture); });
  if (flags.log_level) flag("--log-level", [&] { set_key(config, "log.level", *flags.log_level); });
  if (flags.log_format) flag("--log-format", [&] { set_key(config, "log.format", *flags.log_format); });
}

void check_tls(const char* exporter, const TlsConfig& tls) {
  if (tls.cert.empty() != tls.key.empty())
    throw BadValue{fmt::format("{}: tls.cert and tls.key go together", exporter)};
}

// What no single key can say.
void check_whole(Config& config) {
  for (const auto& otlp : config.exporters.otlp) {
    if (otlp.batch > otlp.queue) {
      throw BadValue{fmt::format("exporters.otlp: batch ({}) is larger than queue ({})", otlp.batch, otlp.queue)};
    }
    check_tls("exporters.otlp", otlp.tls);
  }
  for (const auto& zipkin : config.exporters.zipkin) check_tls("exporters.zipkin", zipkin.tls);
  config::finish_sampling(config.sampling);
  std::erase_if(config.exporters.otlp, [](const OtlpConfig& otlp) { return !otlp.enabled(); });
  std::erase_if(config.exporters.zipkin, [](const ZipkinConfig& zipkin) { return !zipkin.enabled(); });
}

// Remembers what was asked for, so that what was not is known without a second list of names.
class AskedEnvironment {
 public:
  explicit AskedEnvironment(const Environment& environment) : environment_(environment) {}

  Environment environment() {
    return [this](std::string_view name) {
      asked_.emplace(name);
      return environment_(name);
    };
  }

  std::vector<std::string> ignored(const std::vector<std::string>& names) const {
    std::vector<std::string> ignored;
    for (const auto& name : names) {
      if (!name.starts_with("WEFT_") || asked_.contains(name) || of_tools(name)) continue;
      if (!environment_(name).value_or("").empty()) ignored.push_back(name);
    }
    std::ranges::sort(ignored);
    return ignored;
  }

 private:
  // Variables of tools/ and tests/ that an agent started by them inherits.
  static bool of_tools(std::string_view name) {
    constexpr std::array<std::string_view, 4> kNames{"WEFT_BUILD", "WEFT_BUILD_DIR", "WEFT_JOBS", "WEFT_VM_DIR"};
    constexpr std::array<std::string_view, 5> kFamilies{"WEFT_E2E_", "WEFT_TEST_", "WEFT_ROUNDTRIP_", "WEFT_PEER_",
                                                        "WEFT_PEERS_"};
    return std::ranges::find(kNames, name) != kNames.end() ||
           std::ranges::any_of(kFamilies, [name](std::string_view family) { return name.starts_with(family); });
  }

  const Environment& environment_;
  std::set<std::string, std::less<>> asked_;
};

Result<std::string> read_whole(const std::string& path) {
  const auto refuse = [&] { return fail(fmt::format("{}: cannot be read: {}", path, std::strerror(errno))); };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return refuse();
  std::string text;
  char block[4096];
  std::size_t got = 0;
  do {
    got = std::fread(block, 1, sizeof block, file.get());
    text.append(block, got);
  } while (got == sizeof block);
  if (std::ferror(file.get())) return refuse();
  return text;
}

}  // namespace

std::string OtlpConfig::traces_url() const {
  if (!traces_endpoint.empty()) return traces_endpoint;
  return endpoint + (endpoint.ends_with('/') ? "v1/traces" : "/v1/traces");
}

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
}

std::vector<std::string> process_variable_names() {
  std::vector<std::string> names;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view variable = *entry;
    names.emplace_back(variable.substr(0, variable.find('=')));
  }
  return names;
}

Result<Config> parse_config(std::string_view text, const std::string& name, const ConfigSources& sources) {
  Config config;
  config.baggage.policy_file = sources.default_policy_file;
  AskedEnvironment asked(sources.environment);
  try {
    config::read_yaml(text, name, asked.environment(), config);
    config::read_environment(asked.environment(), config);
    read_flags(sources.flags, config);
    check_whole(config);
    config.ignored_variables = asked.ignored(sources.variable_names);
  } catch (const config::Misplaced& bad) {
    return fail(fmt::format("{}:{}:{}: {}", name, bad.line, bad.column, bad.reason));
  } catch (const BadValue& bad) {
    return fail(bad.reason);
  }
  return config;
}

Result<Config> load_config(const ConfigSources& sources) {
  const bool use_default = !sources.file && access(sources.default_file.c_str(), F_OK) == 0;
  if (!sources.file && !use_default) return parse_config("", sources.default_file, sources);
  const std::string path = sources.file.value_or(sources.default_file);
  const auto text = read_whole(path);
  if (!text) return std::unexpected(text.error());
  return parse_config(*text, path, sources);
}

}  // namespace weft
