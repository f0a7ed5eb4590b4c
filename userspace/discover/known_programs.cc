// SPDX-License-Identifier: Apache-2.0
#include "discover/known_programs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/glob.h"
#include "discover/service_name.h"

namespace weft {
namespace {

struct Excluded {
  std::string_view name_glob;  // on the program's name, not its path: /opt/jaeger-demo/shop is a shop
  std::string_view what;
};
constexpr std::array<Excluded, 13> kExcluded{{{"weftd", "weft's own agent"},
                                              {"weft", "weft's own command line"},
                                              {"otelcol*", "a collector"},
                                              {"otelcontribcol*", "a collector"},
                                              {"opentelemetry-collector*", "a collector"},
                                              {"otel-collector*", "a collector"},
                                              {"grafana-agent*", "a collector"},
                                              {"alloy", "a collector"},
                                              {"tempo", "a trace back end"},
                                              {"jaeger*", "a trace back end"},
                                              {"zipkin*", "a trace back end"},
                                              {"prometheus", "Prometheus"},
                                              {"kubelet", "the kubelet"}}};

bool any_arg(const ProcessInfo& process, auto&& predicate) {
  return std::any_of(process.args.begin(), process.args.end(), [&](const std::string& arg) { return predicate(arg); });
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The worker class in `-k CLASS`, `-kCLASS`, `--worker-class CLASS`, `--worker-class=CLASS`.
bool gunicorn_blocks(const ProcessInfo& process, const ProcFiles& files) {
  if (process.environment.gunicorn_cmd_args) return false;
  // gunicorn reads this file of its working directory unasked.
  if (access(files.path(process.pid, "cwd/gunicorn.conf.py").c_str(), F_OK) == 0) return false;
  const auto blocking = [](std::string_view name) { return name == "sync" || name == "gthread"; };
  bool told = true;
  for (std::size_t i = 1; i < process.args.size(); ++i) {
    const std::string_view arg = process.args[i];
    const std::string_view next = i + 1 < process.args.size() ? std::string_view(process.args[i + 1]) : "";
    if (arg == "-c" || arg.starts_with("--config") || arg == "--paste") return false;
    if (arg == "-k" || arg == "--worker-class") told = blocking(next);
    if (arg.starts_with("-k") && arg.size() > 2) told = blocking(arg.substr(2));
    if (arg.starts_with("--worker-class=")) told = blocking(arg.substr(15));
  }
  return told && process.args.size() > 1;  // a rewritten title tells nothing
}

bool uwsgi_blocks(const ProcessInfo& process) {
  if (process.args.size() < 2) return false;
  return !any_arg(process, [](std::string_view arg) {
    while (arg.starts_with('-')) arg.remove_prefix(1);
    for (const std::string_view word : {"gevent", "async", "loop", "ugreen", "greenlet", "tornado", "ini", "xml",
                                        "yaml", "yml", "json", "emperor", "config", "vassals"}) {
      if (arg.starts_with(word)) return true;
    }
    return arg.ends_with(".ini") || arg.ends_with(".xml") || arg.ends_with(".yaml") || arg.ends_with(".yml") ||
           arg.ends_with(".json");
  });
}

}  // namespace

std::string built_in_exclusion(const ProcessInfo& process) {
  const std::string program = program_name(process);
  const std::string_view executable = base_name(process.executable);
  for (const auto& [glob, what] : kExcluded) {
    if (glob_match(glob, executable) || glob_match(glob, program)) {
      return "excluded by default: it is " + std::string(what);
    }
  }
  if (process.language == Language::java &&
      any_arg(process, [](std::string_view arg) { return arg.find("zipkin.server.") != arg.npos; })) {
    return "excluded by default: it is a trace back end";
  }
  return {};
}

bool serves_thread_per_request(const ProcessInfo& process, const ProcFiles& files) {
  const std::string_view executable = base_name(process.executable);
  // All of Apache's MPMs: the event MPM's loop parks idle connections, a request stays with one thread.
  if (is_one_of(executable, {"apache2", "httpd"})) return true;
  if (is_one_of(executable, {"uwsgi", "uwsgi-core"})) return uwsgi_blocks(process);
  const std::string program = program_name(process);
  if (process.language == Language::python) return program == "gunicorn" && gunicorn_blocks(process, files);
  if (process.language == Language::ruby) return program == "unicorn";
  if (process.language == Language::perl) return is_one_of(program, {"starman", "starlet"});
  if (process.language == Language::php) return any_arg(process, [](std::string_view arg) { return arg == "-S"; });
  return false;
}

bool asks_fionread(const ProcessInfo& process) {
  if (process.language == Language::java || process.language == Language::dotnet) return true;
  return is_one_of(base_name(process.executable), {"nginx", "openresty", "angie", "tengine"});
}

}  // namespace weft
