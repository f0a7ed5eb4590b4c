// SPDX-License-Identifier: Apache-2.0
// weft completion SHELL.
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

}  // namespace weft::cli
