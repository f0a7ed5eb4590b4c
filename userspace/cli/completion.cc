// SPDX-License-Identifier: Apache-2.0
// weft completion SHELL, and the commands that a later version brings.
#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/completion_files.h"
#include "cli/terminal.h"

namespace weft::cli {

void add_completion(CLI::App& app, Context& context) {
  auto& command =
      add_command(app, "completion", "completion for your shell, on standard output", "source <(weft completion bash)");
  command.require_subcommand(1);
  struct Shell {
    const char* name;
    std::string_view text;
    const char* example;
  };
  for (const Shell& shell : {Shell{"bash", kBashCompletion, "source <(weft completion bash)"},
                             Shell{"zsh", kZshCompletion, "weft completion zsh > ~/.zfunc/_weft"},
                             Shell{"fish", kFishCompletion, "weft completion fish | source"}}) {
    auto& sub = add_command(command, shell.name, fmt::format("for {}", shell.name), shell.example);
    sub.callback([&context, shell] { context.exit_code = print(shell.text) ? kOk : kNo; });
  }
}

void add_later(CLI::App& app, Context& context) {
  struct Later {
    const char* name;
    const char* what;
    std::vector<const char*> commands;
  };
  for (const Later& later : {Later{"sampling", "sampling ratios (not in this version)", {"show", "set"}}}) {
    auto& command = add_command(app, later.name, later.what, fmt::format("weft {} show", later.name));
    const std::string name = later.name;
    const auto refuse = [&context, name] { context.exit_code = complain(name + ": not in this version", kUsage); };
    command.require_subcommand(1);
    for (const char* sub_name : later.commands) {
      auto& sub =
          add_command(command, sub_name, "not in this version", fmt::format("weft {} {}", later.name, sub_name));
      sub.allow_extras();
      sub.callback(refuse);
    }
  }
}

}  // namespace weft::cli
