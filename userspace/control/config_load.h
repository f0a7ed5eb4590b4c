// SPDX-License-Identifier: Apache-2.0
// Configuration from its four sources. Precedence: defaults < file < environment < flags.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/config.h"

namespace weft {

// What the command line of weftd says. --pid, --exe and --port are each an entry of their own and together replace
// discovery.instrument of the file.
struct ConfigFlags {
  std::vector<pid_t> pids;
  std::vector<std::string> executables;  // globs
  std::vector<std::string> ports;        // "8080" or "9000-9099", also lists "8080,9000-9099"
  std::optional<std::string> console;    // "tree" | "json"; bare --console is "tree"
  std::optional<std::string> capture;
  std::optional<std::string> log_level;
  std::optional<std::string> log_format;
};

// Looks a variable up; nullopt = not set. Injected so that tests do not touch the process's environment.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment();
std::vector<std::string> process_variable_names();

struct ConfigSources {
  std::optional<std::string> file;                // --config: must exist. Without it…
  std::string default_file = kDefaultConfigFile;  // … this one is read when it exists
  std::string default_policy_file = kDefaultPolicyFile;
  Environment environment = process_environment();
  std::vector<std::string> variable_names = process_variable_names();  // all there are, for Config::ignored_variables
  ConfigFlags flags;
};

// Errors are one line: "weft.yaml:3:5: reason", "WEFT_LOG_LEVEL: reason" or "--port: reason". Exit code 2.
Result<Config> load_config(const ConfigSources& sources);

// The same without files: `text` is the YAML, `name` stands for the file in messages.
Result<Config> parse_config(std::string_view text, const std::string& name, const ConfigSources& sources);

}  // namespace weft
