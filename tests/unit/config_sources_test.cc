// SPDX-License-Identifier: Apache-2.0
// Where the configuration comes from: files, environment, flags, and who wins.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "control/config_load.h"

using namespace weft;
using namespace std::chrono_literals;

namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

ConfigSources sources(Variables variables = {}, ConfigFlags flags = {}) {
  ConfigSources sources;
  sources.environment = [variables](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  sources.variable_names.clear();
  for (const auto& [name, value] : variables) sources.variable_names.push_back(name);
  sources.flags = std::move(flags);
  return sources;
}

Config good(std::string_view text, const ConfigSources& from) {
  const auto config = parse_config(text, "weft.yaml", from);
  REQUIRE_MESSAGE(config.has_value(), config.error().message);
  return *config;
}

std::string error(const ConfigSources& from) {
  const auto config = parse_config("", "weft.yaml", from);
  return config ? "accepted" : config.error().message;
}

struct TemporaryFolder {
  TemporaryFolder() {
    char name[] = "/tmp/weft-config-XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path + "/" + name) << text;
    return path + "/" + name;
  }
  std::string path;
};

}  // namespace

TEST_CASE("config: defaults < file < environment < flags") {
  const char* file = "log: {level: warn, format: json}\nexporters: {console: {format: json}}\n";
  CHECK(good("", sources()).log.level == LogLevel::info);
  CHECK(good(file, sources()).log.level == LogLevel::warn);
  CHECK(good(file, sources({{"WEFT_LOG_LEVEL", "debug"}})).log.level == LogLevel::debug);
  CHECK(good(file, sources({{"WEFT_LOG_LEVEL", ""}})).log.level == LogLevel::warn);
  const Config all = good(file, sources({{"WEFT_LOG_LEVEL", "debug"}}, {.console = "tree", .log_level = "error"}));
  CHECK(all.log.level == LogLevel::error);
  CHECK(all.log.format == LogFormat::json);
  CHECK(all.exporters.console == ConsoleFormat::tree);
  CHECK(good("", sources({}, {.console = ""})).exporters.console == ConsoleFormat::tree);
}

TEST_CASE("config: WEFT_<SECTION>_<KEY> for scalars at any depth") {
  const Config config = good("", sources({{"WEFT_CAPTURE_RING_BYTES", "1MiB"},
                                          {"WEFT_EXPORTERS_OTLP_ENDPOINT", "http://c:4318"},
                                          {"WEFT_EXPORTERS_OTLP_TLS_CA", "/ca"},
                                          {"WEFT_EXPORTERS_ZIPKIN_ENDPOINT", "http://z/api/v2/spans"},
                                          {"WEFT_EXPORTERS_PROMETHEUS_LISTEN", "off"},
                                          {"WEFT_PROPAGATION_DESTINATIONS_BAGGAGE", "any"},
                                          {"WEFT_BAGGAGE_POLICY", "/p.yaml"},
                                          {"WEFT_SHUTDOWN_TIMEOUT", "7s"}}));
  CHECK(config.baggage.policy_file == "/p.yaml");
  CHECK(config.baggage.policy_named);
  CHECK(config.capture.ring_bytes == 1u << 20);
  CHECK(config.exporters.otlp.at(0).endpoint == "http://c:4318");
  CHECK(config.exporters.otlp.at(0).tls.ca == "/ca");
  CHECK(config.exporters.zipkin.at(0).endpoint == "http://z/api/v2/spans");
  CHECK_FALSE(config.exporters.prometheus.enabled());
  CHECK(config.propagation.baggage_destinations.kind == DestinationSet::Kind::any);
  CHECK(config.shutdown_timeout == 7s);
  CHECK(error(sources({{"WEFT_STORE_TRACES", "x"}})) == "WEFT_STORE_TRACES: 'x' is no whole number");
  CHECK(error(sources({{"WEFT_PAGE_LISTEN", "127.0.0.1:1"}})) ==
        "WEFT_PAGE_LISTEN: '127.0.0.1:1' is not in this version (only off)");
}

TEST_CASE("config: WEFT_ variables that set nothing are named") {
  const Config config = good("exporters: {otlp: {headers: {api-key: '${WEFT_TOKEN}'}}}",
                             sources({{"WEFT_LOG_LEVLE", "debug"},
                                      {"WEFT_ROUTES_PATTERNS", "/users/{id}"},  // a list
                                      {"WEFT_EMPTY", ""},
                                      {"WEFT_TOKEN", "t"},
                                      {"WEFT_LOG_LEVEL", "debug"},
                                      {"WEFT_PAGE_LISTEN", "off"},
                                      {"WEFT_CONTROL_SOCKET", "/run/x.sock"},
                                      {"WEFT_EXPORTERS_OTLP_TLS_CA", "/ca"},
                                      {"WEFT_BUILD_DIR", "/b"},
                                      {"WEFT_PEERS_DIR", "/p"},
                                      {"WEFTLESS", "x"},
                                      {"HOME", "/root"}}));
  CHECK(config.ignored_variables == std::vector<std::string>{"WEFT_LOG_LEVLE", "WEFT_ROUTES_PATTERNS"});
  CHECK(good("", sources()).ignored_variables.empty());
}

TEST_CASE("config: the OTEL_ variables") {
  const Config config =
      good("exporters: {otlp: {endpoint: 'http://file:4318', headers: {a: b}}, console: {format: json}}",
           sources({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:4318"},
                    {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, X-Two=2"},
                    {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/t"},
                    {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/c"},
                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "2500"},
                    {"OTEL_PROPAGATORS", "tracecontext"},
                    {"OTEL_TRACES_SAMPLER", "parentbased_always_on"},
                    {"OTEL_RESOURCE_ATTRIBUTES", "region=eu, service.name=agent"}}));
  CHECK(config.exporters.otlp.at(0).traces_url() == "http://env:4318/v1/traces");
  CHECK(config.exporters.otlp.at(0).headers == std::map<std::string, std::string>{{"api-key", "a b"}, {"x-two", "2"}});
  CHECK(config.exporters.otlp.at(0).tls.ca == "/t");
  CHECK(config.exporters.otlp.at(0).timeout == 2500ms);
  CHECK(config.propagation.extract == std::vector{ContextFormat::tracecontext});
  CHECK(config.propagation.inject == std::vector{ContextFormat::tracecontext});
  CHECK(config.sampling.sampler == "parentbased_always_on");
  CHECK(config.resource_attributes == std::map<std::string, std::string>{{"region", "eu"}});
  CHECK(config.exporters.console == ConsoleFormat::json);

  CHECK(good("", sources({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/custom"}}))
            .exporters.otlp.at(0)
            .traces_url() == "http://t/custom");
  CHECK(good("", sources({{"OTEL_PROPAGATORS", "none"}})).propagation.inject.empty());
  CHECK(error(sources({{"OTEL_PROPAGATORS", "tracecontext,ottrace"}})) ==
        "OTEL_PROPAGATORS: 'ottrace' is not one of tracecontext, baggage, b3, b3multi, jaeger, xtraceid");
  CHECK(good("", sources({{"OTEL_PROPAGATORS", "b3multi,baggage,jaeger,xtraceid,b3"}})).propagation.inject ==
        std::vector{ContextFormat::b3multi, ContextFormat::baggage, ContextFormat::jaeger, ContextFormat::xtraceid,
                    ContextFormat::b3});
  CHECK(error(sources({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}})) ==
        "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' is not in this version (only http/protobuf)");
  CHECK(error(sources({{"OTEL_TRACES_SAMPLER_ARG", "2"}})) == "OTEL_TRACES_SAMPLER_ARG: 2 is not between 0 and 1");
  CHECK(good("", sources({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"},
                          {"WEFT_EXPORTERS_OTLP_ENDPOINT", "http://weft:4318"}}))
            .exporters.otlp.at(0)
            .endpoint == "http://weft:4318");
}

TEST_CASE("config: OTEL_TRACES_EXPORTER says which kinds are on") {
  const char* file =
      "exporters: {otlp: {endpoint: 'http://o:4318'}, zipkin: {endpoint: 'http://z/x'}, console: {format: json}}";
  const auto with = [&](const char* text, const char* value) {
    return good(text, sources({{"OTEL_TRACES_EXPORTER", value}})).exporters;
  };
  CHECK(with(file, "none").otlp.empty());
  CHECK(with(file, "none").zipkin.empty());
  CHECK(with(file, "none").console == ConsoleFormat::off);
  CHECK(with(file, "zipkin").otlp.empty());
  CHECK(with(file, "zipkin").zipkin.at(0).endpoint == "http://z/x");
  CHECK(with("", "otlp, zipkin,console").otlp.at(0).traces_url() == "http://localhost:4318/v1/traces");
  CHECK(with("", "otlp,zipkin").zipkin.at(0).endpoint == "http://localhost:9411/api/v2/spans");
  CHECK(with("", "console").console == ConsoleFormat::tree);
  CHECK(with(file, "console").console == ConsoleFormat::json);
  CHECK(error(sources({{"OTEL_TRACES_EXPORTER", "jaeger"}})) ==
        "OTEL_TRACES_EXPORTER: 'jaeger' is not one of otlp, zipkin, console, none");
}

TEST_CASE("config: --pid, --exe and --port stand in the place of discovery.instrument") {
  const Config config = good("discovery: {instrument: [{exe_path: /file}]}",
                             sources({}, {.pids = {7, 8}, .executables = {"*/nginx"}, .ports = {"80,90-99"}}));
  REQUIRE(config.discovery.instrument.size() == 4);
  CHECK(config.discovery.instrument[0].target_pids == std::vector<pid_t>{7});
  CHECK(config.discovery.instrument[2].exe_path == "*/nginx");
  CHECK(config.discovery.instrument[3].open_ports.size() == 2);
  CHECK(error(sources({}, {.pids = {0}})) == "--pid: 0 is no process id");
  CHECK(error(sources({}, {.ports = {"http"}})) == "--port: 'http' is no port or range (such as 9000-9099)");
  CHECK(error(sources({}, {.console = "xml"})) == "--console: 'xml' is not one of off, tree, json");
  CHECK(good("", sources()).capture.hook == CaptureHook::automatic);
  CHECK(good("capture: {hook: tp_btf}\n", sources({}, {.capture = "fentry"})).capture.hook == CaptureHook::fentry);
  CHECK(error(sources({}, {.capture = "xdp"})) == "--capture: 'xdp' is not one of auto, tp_btf, fentry, kprobe");
  CHECK(error(sources({}, {.log_level = "loud"})) ==
        "--log-level: 'loud' is not one of trace, debug, info, warn, error");
}

TEST_CASE("config: files") {
  const TemporaryFolder folder;
  ConfigSources from = sources();
  from.default_file = folder.path + "/weft.yaml";
  from.default_policy_file = folder.path + "/baggage.yaml";
  CHECK(load_config(from).value().store.traces == 1000);  // no default file: defaults
  folder.write("weft.yaml", "store: {traces: 5}\n");
  CHECK(load_config(from).value().store.traces == 5);
  from.file = folder.write("other.yaml", "store: {traces: 6}\n");
  CHECK(load_config(from).value().store.traces == 6);
  from.file = folder.write("bad.yaml", "store:\n  traces: x\n");
  CHECK(load_config(from).error().message == folder.path + "/bad.yaml:2:11: store.traces: 'x' is no whole number");
  from.file = folder.path + "/none.yaml";
  CHECK(load_config(from).error().message == folder.path + "/none.yaml: cannot be read: No such file or directory");
  from.file = folder.path;
  CHECK(load_config(from).error().message == folder.path + ": cannot be read: Is a directory");
  from.file.reset();
  CHECK(load_config(from).value().baggage.policy_file == folder.path + "/baggage.yaml");
}

TEST_CASE("config: the example file is valid, as it is and with every key brought to life") {
  std::ifstream file(WEFT_EXAMPLE_CONFIG);
  REQUIRE(file);
  std::string as_it_is, all_alive, line;
  bool head = true;  // the prose before the first section
  while (std::getline(file, line)) {
    as_it_is += line + "\n";
    head = head && !line.empty();
    const auto hash = line.find_first_not_of(' ');
    // Inside `discovery` the entry and the keys are comments at two columns; prose there has a capital letter or no
    // colon.
    if (head || hash == std::string::npos || line[hash] != '#') {
      if (line != "  instrument: []")
        all_alive += line + "\n";
      else
        all_alive += "  instrument:\n";
    } else if (hash == 0) {
      all_alive += line.substr(std::min<std::size_t>(2, line.size())) + "\n";
    } else if (line.find("# A process") == std::string::npos && line.find("# its children") == std::string::npos) {
      all_alive += "  " + line.substr(4) + "\n";
    }
  }
  CHECK(good(as_it_is, sources()).discovery.instrument.empty());
  INFO(all_alive);
  const Config config = good(all_alive, sources({{"TOKEN", "t"}}));
  CHECK(config.discovery.instrument.at(0).service_name == "orders");
  CHECK(config.exporters.otlp.at(0).endpoint == "http://127.0.0.1:4318");
  const Config defaults = good("", sources());
  CHECK(config.capture.ring_bytes == defaults.capture.ring_bytes);
  CHECK(config.exporters.otlp.at(0).queue == OtlpConfig().queue);
  CHECK(config.store.bytes == defaults.store.bytes);
  CHECK(config.shutdown_timeout == defaults.shutdown_timeout);
}
