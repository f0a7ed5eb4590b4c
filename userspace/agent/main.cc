// SPDX-License-Identifier: Apache-2.0
// weftd: flags, configuration, signals; everything else is built by Agent.
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "agent/agent.h"
#include "agent/log.h"
#include "agent/machine_lock.h"
#include "agent/service_manager.h"
#include "agent/version.h"
#include "base/clock.h"
#include "control/config_load.h"
#include "control/file_watch.h"
#include "kernel/unique_fd.h"

namespace weft {
namespace {

enum ExitCode { kClean = 0, kFailure = 1, kUsage = 2, kUnsupported = 3 };

struct Arguments {
  ConfigSources sources;
  bool check_only = false;
};

int complain(int code, const std::string& line) {
  std::cerr << "weftd: " << line << '\n';
  return code;
}

UniqueFd catch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::string config_file(const ConfigSources& sources) { return sources.file.value_or(sources.default_file); }

void reload(Agent& agent, const ConfigSources& sources, Agent::Reload why) {
  const auto config = load_config(sources);
  if (!config) {
    agent.refuse_config(config.error().message);
    return;
  }
  set_up_log(*config);
  agent.reload(*config, why);
  spdlog::info("reloaded: discovery, propagation, kafka, routes, sampling, baggage policy and log");
}

// Until SIGTERM or SIGINT.
void run(Agent& agent, int signals, const ConfigSources& sources, FileWatch& file) {
  ConfigSources changed = sources;
  changed.file = config_file(sources);  // one that is gone is no order to forget what stood in it
  const SystemClock clock;
  Watchdog watchdog;
  pollfd wait[] = {{signals, POLLIN, 0}, {agent.wake_fd(), POLLIN, 0}};
  for (;;) {
    const int pause_ms = agent.turn();
    watchdog.turned(clock.monotonic_ns());
    if (file.changed()) reload(agent, changed, Agent::Reload::changed);
    if (::poll(wait, 2, pause_ms) <= 0 || !(wait[0].revents & POLLIN)) continue;
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo != SIGHUP) return;
    reload(agent, sources, Agent::Reload::asked);
  }
}

void say_hello(const Agent&, const Config& config, const KernelReport& report) {
  spdlog::info("weftd {} on Linux {}", kVersion, report.release);
  for (const auto& probe : report.probes)
    if (probe.state != Probe::State::works) spdlog::warn("{}: {}; {}", probe.name, probe.finding, probe.effect);
  if (config.discovery.instrument.empty())
    spdlog::warn(
        "nothing is selected for tracing: name programs with --exe GLOB, --port RANGE, --pid PID or "
        "discovery.instrument in {}, or later with weft attach PID",
        kDefaultConfigFile);
}

// Programs, maps and probes are descriptors, some thousands where many programs are probed.
void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

int start(const Arguments& arguments) {
  FileWatch file(config_file(arguments.sources));  // before reading: what changes from now on is seen
  const auto config = load_config(arguments.sources);
  if (!config) return complain(kUsage, config.error().message);
  set_up_log(*config);
  if (!config->ignored_variables.empty()) {
    spdlog::warn("nothing is set by {}: no key with a single value has that name (docs/configuration.md)",
                 fmt::join(config->ignored_variables, ", "));
  }
  if (const auto policy = check_policy(config->baggage); !policy) return complain(kUsage, policy.error().message);
  if (arguments.check_only) {
    std::cout << "configuration is valid\n";
    return kClean;
  }
  for (const pid_t pid : arguments.sources.flags.pids)
    if (::kill(pid, 0) != 0 && errno == ESRCH)
      return complain(kFailure, fmt::format("--pid: there is no process {}", pid));
  raise_file_limit();
  const UniqueFd signals = catch_signals();
  const auto lock = MachineLock::acquire();
  if (!lock) return complain(kFailure, lock.error().message);
  const KernelReport report = probe_kernel(config->capture.hook);
  if (!report.usable) return complain(kUnsupported, report.reason + " (weft doctor tells all)");
  auto agent = Agent::start(*config, report);
  if (!agent) return complain(agent.error().kernel_refuses ? kUnsupported : kFailure, agent.error().message);
  say_hello(**agent, *config, report);
  notify_service_manager("READY=1");
  run(**agent, signals.get(), arguments.sources, file);
  notify_service_manager("STOPPING=1");
  (*agent)->stop();
  spdlog::info("stopped");
  return kClean;
}

int parse_and_start(int argc, char** argv) {
  CLI::App app{"weft agent: follows requests through the programs of this machine and carries their trace context",
               "weftd"};
  Arguments arguments;
  auto& flags = arguments.sources.flags;
  std::string file;
  app.add_option("--config", file, "configuration file (default /etc/weft/weft.yaml, when it is there)")
      ->type_name("FILE");
  app.add_flag("--check-config", arguments.check_only, "check the configuration and end");
  app.add_option("--pid", flags.pids, "trace this process and its children")->type_name("PID")->allow_extra_args(false);
  app.add_option("--exe", flags.executables, "trace programs whose executable matches")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--port", flags.ports, "trace programs that listen on these ports: 8080 or 9000-9099")
      ->type_name("RANGE")
      ->allow_extra_args(false);
  app.add_option_function<std::string>(
         "--capture", [&flags](const std::string& hook) { flags.capture = hook; },
         "how bytes are seen: auto (default), tp_btf, fentry or kprobe; one that this kernel refuses is an error")
      ->type_name("HOOK");
  std::string console;
  auto* console_option =
      app.add_option("--console", console, "print traces: tree (default) or json")->expected(0, 1)->type_name("FORMAT");
  app.add_option_function<std::string>(
         "--log-level", [&flags](const std::string& level) { flags.log_level = level; },
         "trace, debug, info, warn or error")
      ->type_name("LEVEL");
  app.add_option_function<std::string>(
         "--log-format", [&flags](const std::string& format) { flags.log_format = format; }, "text or json")
      ->type_name("FORMAT");
  app.set_version_flag("--version", std::string("weftd ") + kVersion);
  app.footer("Example: weftd --port 8080 --console\nWhat this kernel allows: weft doctor");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error)
                                      : complain(kUsage, error.what() + std::string("; see weftd --help"));
  }
  if (!file.empty()) arguments.sources.file = file;
  if (console_option->count()) flags.console = console.empty() ? "tree" : console;
  return start(arguments);
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) { return weft::parse_and_start(argc, argv); }
