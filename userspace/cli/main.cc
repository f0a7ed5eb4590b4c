// SPDX-License-Identifier: Apache-2.0
// weft: talks to weftd over its control socket. Exit codes: 0 ok, 1 the answer is no, 2 usage, 3 no agent reachable.
#include <fmt/format.h>
#include <signal.h>

#include "cli/command.h"

namespace {

// What was wrong with the command line, and of which command's help says what would be right.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string name = "weft";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  const auto left = app.remaining(true);
  const bool unknown = command->get_require_subcommand_min() > 0 && !left.empty();
  return fmt::format("weft: {}\nTry: {} --help\n",
                     unknown ? fmt::format("there is no '{} {}'", name, left.front()) : std::string(error.what()),
                     name);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace weft::cli;
  signal(SIGPIPE, SIG_IGN);  // a closed pipe ends the output, not with a signal
  Context context;
  CLI::App app("weft: what the agent sees and does on this machine", "weft");
  app.set_version_flag("--version", std::string("weft ") + WEFT_VERSION);
  add_format_option(app, context);
  add_socket_option(app, context);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 the answer is no, 2 usage, 3 no agent reachable.\nExample:\n  weft spans -f --service "
      "orders");
  for (const auto add : {add_status, add_ps, add_spans, add_traces, add_trace, add_top, add_attach_detach, add_doctor,
                         add_record, add_replay, add_policy, add_sampling, add_completion}) {
    add(app, context);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    if (stop.get_exit_code() == 0) return app.exit(stop);  // --help, --version
    fmt::print(stderr, "{}", complaint(app, stop));
    return kUsage;
  }
  return context.exit_code;
}
